//! The interleaved layout.

mod common;

use acft_kernels::{Isa, LANES, blocks, interleave, separate};
use common::{one_by_one, side_by_side, values};
use proptest::prelude::*;

proptest! {
    #[test]
    fn images_come_back(count in 1usize..40, elements in 1usize..50) {
        let images = values(count * elements, 1);
        for isa in Isa::available() {
            let mut interleaved = vec![f32::NAN; blocks(count) * LANES * elements];
            interleave(isa, elements, &images, &mut interleaved);
            prop_assert_eq!(&interleaved, &side_by_side(&images, count));
            let mut back = vec![f32::NAN; images.len()];
            separate(isa, elements, &interleaved, &mut back);
            prop_assert_eq!(&back, &images);
            prop_assert_eq!(&one_by_one(&interleaved, count), &images);
        }
    }
}
