//! Which filesystem a folder is on. SQLite's locks and its write-ahead log need one that this machine alone writes to:
//! over a network a file gets damaged or stays locked (sqlite.org/useovernet.html).

use std::path::{Path, PathBuf};

/// Where the kernel lists what is mounted; see `proc_pid_mountinfo(5)`.
const MOUNTS: &str = "/proc/self/mountinfo";

/// A file of this size is written to find out whether a folder takes any.
const TRIAL: usize = 1024 * 1024;

/// Writes a file into a folder that exists, and takes it away again.
///
/// # Errors
/// What the system says: the folder is read-only, full, or not ours.
pub fn try_to_write(folder: &Path) -> std::io::Result<()> {
    use std::io::Write as _;
    let path = folder.join(format!(".trial-{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new().create_new(true).write(true).open(&path)?;
    let written = file.write_all(&vec![0; TRIAL]).and_then(|()| file.sync_all());
    let removed = std::fs::remove_file(&path);
    written.and(removed)
}

/// Who besides us can read a file, in words; `None` where nobody can, or that is not known. In a pod a file is often of
/// another user and ours by its group alone: then the group is nobody besides us.
#[must_use]
pub fn readers(file: &Path) -> Option<&'static str> {
    use std::os::unix::fs::MetadataExt as _;
    let (of_file, of_us) = (std::fs::metadata(file).ok()?, std::fs::metadata("/proc/self").ok()?);
    readers_by(of_file.mode(), of_file.uid() == of_us.uid())
}

fn readers_by(mode: u32, is_ours: bool) -> Option<&'static str> {
    match (mode & 0o004 != 0, mode & 0o040 != 0 && is_ours) {
        (true, _) => Some("everybody on this machine"),
        (false, true) => Some("its group"),
        (false, false) => None,
    }
}

/// A filesystem by its name in the kernel, as `ext4` or `nfs4`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filesystem(String);

/// Whether a queue may live there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fitness {
    /// A disk of this machine, or memory.
    Local,
    /// Shared over a network: locks can't be relied on.
    Network,
    /// A program serves it; most that do are gateways to a network.
    Userspace,
}

impl Filesystem {
    /// The filesystem of a folder that need not exist yet; `None` where the system doesn't say.
    #[must_use]
    pub fn of(folder: &Path) -> Option<Self> {
        let mounts = std::fs::read_to_string(MOUNTS).ok()?;
        let whole = std::path::absolute(folder).ok()?;
        let real = whole.ancestors().find_map(|ancestor| ancestor.canonicalize().ok())?;
        Self::of_mounts(&mounts, &real)
    }

    /// The one that holds an absolute path, in the kernel's list: of the mounts above it the nearest, and of several in
    /// one place the last.
    fn of_mounts(mounts: &str, path: &Path) -> Option<Self> {
        let above = mounts.lines().filter_map(mount).filter(|(point, _)| path.starts_with(point));
        let nearest = above.max_by_key(|(point, _)| point.components().count());
        nearest.map(|(_, name)| Self(name.to_owned()))
    }

    /// Whether a queue may live there.
    #[must_use]
    pub fn fitness(&self) -> Fitness {
        match self.0.as_str() {
            "nfs" | "nfs4" | "cifs" | "smb3" | "smbfs" | "9p" | "afs" | "ceph" | "glusterfs" | "lustre" | "beegfs"
            | "gpfs" | "ncpfs" | "coda" | "vboxsf" => Fitness::Network,
            // A disk of this machine through FUSE: NTFS, and layers of container engines.
            "fuseblk" | "fuse.fuse-overlayfs" => Fitness::Local,
            name if name == "fuse" || name.starts_with("fuse.") => Fitness::Userspace,
            _ => Fitness::Local,
        }
    }

    /// What to tell an operator whose queue would live there, if anything.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let what = match self.fitness() {
            Fitness::Local => return None,
            Fitness::Network => "a network filesystem",
            Fitness::Userspace => "served by a program, as gateways to network storage are",
        };
        Some(format!(
            "{} is {what}, where SQLite's locks don't hold and the queue can be damaged; use a volume of a local or block \
             device (ReadWriteOnce)",
            self.0
        ))
    }
}

impl std::fmt::Display for Filesystem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Mount point and filesystem of a line.
fn mount(line: &str) -> Option<(PathBuf, &str)> {
    let (before, after) = line.split_once(" - ")?;
    Some((PathBuf::from(unescaped(before.split(' ').nth(4)?)), after.split(' ').next()?))
}

/// Space, tab, line end and backslash are written as three octal digits.
fn unescaped(text: &str) -> String {
    let codes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    codes.iter().fold(text.to_owned(), |text, (code, meant)| text.replace(code, meant))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTED: &str = "\
22 1 254:0 / / rw,relatime shared:1 - overlay overlay rw,lowerdir=/a - b
30 22 0:26 / /data rw,relatime - nfs4 10.0.0.7:/export rw,vers=4.2
31 30 254:1 /x /data/local rw - ext4 /dev/vdb rw
32 22 0:27 / /mnt/with\\040space rw shared:7 master:2 - fuse.sshfs user@host:/ rw
33 22 0:28 / /twice rw - ext4 /dev/vdc rw
34 33 0:29 / /twice rw - cifs //server/share rw
no line of the kernel
";

    #[test]
    fn who_can_read_a_secret_is_seen_by_its_mode() {
        for (mode, is_ours, expected) in [
            (0o100_600, true, None),
            (0o100_640, true, Some("its group")),
            (0o100_440, false, None),
            (0o100_644, false, Some("everybody on this machine")),
            (0o100_604, true, Some("everybody on this machine")),
        ] {
            assert_eq!(readers_by(mode, is_ours), expected, "{mode:o}");
        }
        assert_eq!(readers(Path::new("/none")), None);
    }

    #[test]
    fn the_nearest_mount_counts() {
        for (path, expected) in [
            ("/", "overlay"),
            ("/data", "nfs4"),
            ("/data/queue", "nfs4"),
            ("/data/local/queue", "ext4"),
            ("/database", "overlay"),
            ("/mnt/with space/x", "fuse.sshfs"),
            ("/twice", "cifs"),
        ] {
            let found = Filesystem::of_mounts(MOUNTED, Path::new(path)).unwrap();
            assert_eq!(found.to_string(), expected, "{path}");
        }
        assert_eq!(Filesystem::of_mounts("", Path::new("/data")), None);
    }

    #[test]
    fn only_what_is_shared_is_warned_about() {
        for (name, expected) in [
            ("ext4", Fitness::Local),
            ("xfs", Fitness::Local),
            ("btrfs", Fitness::Local),
            ("tmpfs", Fitness::Local),
            ("overlay", Fitness::Local),
            ("fuseblk", Fitness::Local),
            ("nfs", Fitness::Network),
            ("nfs4", Fitness::Network),
            ("cifs", Fitness::Network),
            ("smb3", Fitness::Network),
            ("9p", Fitness::Network),
            ("ceph", Fitness::Network),
            ("fuse", Fitness::Userspace),
            ("fuse.s3fs", Fitness::Userspace),
            ("fuse.glusterfs", Fitness::Userspace),
        ] {
            let filesystem = Filesystem(name.to_owned());
            assert_eq!(filesystem.fitness(), expected, "{name}");
            assert_eq!(filesystem.warning().is_some(), expected != Fitness::Local, "{name}");
        }
    }

    #[test]
    fn a_folder_that_does_not_exist_is_on_the_filesystem_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let here = Filesystem::of(folder.path());
        assert!(here.is_some(), "the kernel lists what is mounted");
        assert_eq!(Filesystem::of(&folder.path().join("not/yet")), here);
    }
}
