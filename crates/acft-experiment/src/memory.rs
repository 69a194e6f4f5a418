//! How much memory is free for runs.

use std::path::Path;

/// Free memory in bytes, as far as this process may use it; `None` if the system does not say.
pub(super) fn free() -> Option<u64> {
    let membership = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let allowed = free_of(&membership, Path::new("/sys/fs/cgroup"));
    [available(), allowed].into_iter().flatten().min()
}

fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// The least free memory of the control groups of a process. A container is such a group, and may have
/// less than its host.
fn free_of(membership: &str, root: &Path) -> Option<u64> {
    let of_each = membership.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, group) = rest.split_once(':')?;
        let (root, names) = match controllers {
            "" => (root.to_owned(), SECOND),
            _ if controllers.split(',').any(|one| one == "memory") => (root.join("memory"), FIRST),
            _ => return None,
        };
        let groups = Path::new(group.trim_start_matches('/')).ancestors();
        groups
            .filter_map(|group| names.free(&root.join(group)))
            .min()
    });
    of_each.min()
}

/// The file names of memory limits, by version of control groups.
struct Names {
    limit: &'static str,
    used: &'static str,
    /// The key in memory.stat for pages of files, which the system frees when memory is short.
    cached: [&'static str; 2],
}

const FIRST: Names = Names {
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    cached: ["total_inactive_file", "total_active_file"],
};

const SECOND: Names = Names {
    limit: "memory.max",
    used: "memory.current",
    cached: ["inactive_file", "active_file"],
};

impl Names {
    /// The free memory of a group; `None` if it has no limit.
    fn free(&self, group: &Path) -> Option<u64> {
        let read = |name: &str| std::fs::read_to_string(group.join(name)).ok();
        let number = |name: &str| -> Option<u64> { read(name)?.trim().parse().ok() };
        let limit = number(self.limit)?;
        let stat = read("memory.stat").unwrap_or_default();
        let cached = stat.lines().filter_map(|line| {
            let (name, bytes) = line.split_once(' ')?;
            let is_cached = self.cached.contains(&name);
            is_cached.then(|| bytes.trim().parse::<u64>().ok())?
        });
        let used = number(self.used).unwrap_or_default();
        Some(limit.saturating_sub(used.saturating_sub(cached.sum())))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_container_has_what_the_tightest_group_around_it_has_left() {
        let root = tempfile::tempdir().unwrap();
        let tell = |group: &str, name: &str, text: &str| {
            let folder = root.path().join(group);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(name), text).unwrap();
        };
        let check = |membership: &str, expected: Option<u64>| {
            assert_eq!(free_of(membership, root.path()), expected, "{membership}");
        };
        check("0::/pod/box\n", None);
        tell("pod/box", "memory.max", "max\n");
        check("0::/pod/box\n", None);
        tell("pod", "memory.max", "4096\n");
        check("0::/pod/box\n", Some(4096));
        tell("pod/box", "memory.max", "2048\n");
        check("0::/pod/box\n", Some(2048));
        // What others in the same group have taken is not there for us, but what the system keeps of files is.
        tell("pod", "memory.current", "3072\n");
        check("0::/pod/box\n", Some(1024));
        let stat = "anon 2560\ninactive_file 312\nactive_file 200\nfile 900\n";
        tell("pod", "memory.stat", stat);
        check("0::/pod/box\n", Some(1536));
        tell("pod", "memory.current", "9999\n");
        check("0::/pod/box\n", Some(0));
        // A container sees its own group as the root.
        tell("", "memory.max", "1024\n");
        check("0::/\n", Some(1024));
        // The first version has a folder of its own for memory.
        tell("memory/pod", "memory.limit_in_bytes", "512\n");
        tell("memory/pod", "memory.usage_in_bytes", "384\n");
        tell(
            "memory/pod",
            "memory.stat",
            "inactive_file 1\ntotal_inactive_file 128\n",
        );
        check("7:cpu:/pod\n4:memory:/pod\n", Some(256));
    }
}
