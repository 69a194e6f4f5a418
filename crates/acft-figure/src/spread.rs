//! Places labels beside the ends of curves: as near as they can be without overlap.

/// A label's wish: its centre and how much room it needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) centre: f64,
    pub(super) height: f64,
}

/// Labels that touch, moved together to where their squared displacement is least.
struct Block {
    members: Vec<usize>,
    height: f64,
    // The sum over members of the top that the block would have if only that member mattered.
    tops: f64,
}

impl Block {
    fn top(&self, top: f64, bottom: f64) -> f64 {
        let wished = self.tops / self.members.len() as f64;
        // Where there is too little room the first labels stay in sight.
        wished.min(bottom - self.height).max(top)
    }
}

/// The centre of each label, in the order of `wishes`: in the order of their wishes from `top` to `bottom`, without overlap.
///
/// The heights should sum to at most `bottom - top`; what does not fit runs over the bottom.
pub(super) fn spread(wishes: &[Wish], top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wishes.len()).collect();
    order.sort_by(|&a, &b| wishes[a].centre.total_cmp(&wishes[b].centre));

    let mut blocks: Vec<Block> = Vec::new();
    for index in order {
        let Wish { centre, height } = wishes[index];
        let mut block = Block {
            members: vec![index],
            height,
            tops: centre - height / 2.0,
        };
        while let Some(above) =
            blocks.pop_if(|above| above.top(top, bottom) + above.height > block.top(top, bottom))
        {
            block = join(above, block);
        }
        blocks.push(block);
    }

    let mut centres = vec![0.0; wishes.len()];
    for block in &blocks {
        let mut y = block.top(top, bottom);
        for &index in &block.members {
            centres[index] = y + wishes[index].height / 2.0;
            y += wishes[index].height;
        }
    }
    centres
}

fn join(mut above: Block, below: Block) -> Block {
    above.tops += below.tops - below.members.len() as f64 * above.height;
    above.height += below.height;
    above.members.extend(below.members);
    above
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(centres: &[f64], height: f64, expected: &[f64]) {
        let wishes: Vec<Wish> = centres
            .iter()
            .map(|&centre| Wish { centre, height })
            .collect();
        assert_eq!(spread(&wishes, 0.0, 100.0), expected, "{centres:?}");
    }

    #[test]
    fn labels_stay_where_there_is_room_and_part_where_there_is_none() {
        check(&[20.0, 50.0, 80.0], 10.0, &[20.0, 50.0, 80.0]);
        check(&[50.0, 50.0], 10.0, &[45.0, 55.0]);
        check(&[52.0, 48.0, 90.0], 10.0, &[55.0, 45.0, 90.0]);
        check(&[2.0, 3.0], 10.0, &[5.0, 15.0]);
        check(&[99.0, 98.0, 97.0], 10.0, &[95.0, 85.0, 75.0]);
        check(&[], 10.0, &[]);
    }

    #[test]
    fn twelve_labels_at_one_height_fill_the_room_in_order() {
        let wishes = [Wish {
            centre: 80.0,
            height: 8.0,
        }; 12];
        let centres = spread(&wishes, 0.0, 100.0);
        assert!(
            centres.windows(2).all(|pair| pair[1] - pair[0] > 7.999),
            "{centres:?}"
        );
        assert!(centres[0] >= 4.0 && centres[11] <= 96.0, "{centres:?}");
    }
}
