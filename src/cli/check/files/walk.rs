//! Which files are read, and their texts, within bounds.

use std::io::Read as _;
use std::path::{Path, PathBuf};

/// What files of manifests end in.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];
/// The most files.
const MOST_FILES: usize = 10_000;
/// The most entries of folders that are looked at.
const MOST_ENTRIES: usize = 200_000;
/// How deep folders are gone into.
const DEEPEST: usize = 32;
/// The largest file.
const LARGEST_FILE: u64 = 32 * 1024 * 1024;
/// The most of all files.
const MOST_BYTES: u64 = 512 * 1024 * 1024;

/// An argument that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{} can't be read", path.display())]
pub(in crate::cli) struct Missing {
    path: PathBuf,
    source: std::io::Error,
}

/// Why a file or folder is not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// The system says so.
    #[error("it can't be read")]
    Io(#[from] std::io::Error),
    /// It is too large.
    #[error("it has more than {} MiB", LARGEST_FILE >> 20)]
    TooLarge,
    /// All together are too large.
    #[error("more than {} MiB in all: name fewer files", MOST_BYTES >> 20)]
    TooMuch,
    /// There are too many.
    #[error("more than {MOST_FILES} files or {MOST_ENTRIES} entries: name fewer folders")]
    TooMany,
    /// It is too deep.
    #[error("it is more than {DEEPEST} folders deep")]
    TooDeep,
    /// It is no text.
    #[error("it is no UTF-8")]
    NoText,
}

/// A file to read, as it is shown; or why it is none.
pub(super) struct Found {
    pub(super) file: String,
    pub(super) path: PathBuf,
    pub(super) wrong: Option<Unreadable>,
    /// Whether it was named itself, and not the folder that it is in.
    pub(super) is_named: bool,
}

/// The files of these arguments: each that is named, and of folders those that end as manifests do, in the order of their
/// names. What begins with a dot is left out, and no link is followed.
///
/// # Errors
/// [`Missing`] for an argument that is not there, or may not be read.
pub(super) fn find(arguments: &[PathBuf]) -> Result<Vec<Found>, Missing> {
    let mut walk = Walk { found: Vec::new(), entries: 0, is_named: true };
    for path in arguments {
        let missing = |source| Missing { path: path.clone(), source };
        if path.as_os_str() == "-" {
            walk.add(path, None);
        } else if std::fs::metadata(path).map_err(missing)?.is_dir() {
            std::fs::read_dir(path).map_err(missing)?;
            walk.is_named = false;
            walk.folder(path, 0);
            walk.is_named = true;
        } else {
            std::fs::File::open(path).map_err(missing)?;
            walk.add(path, None);
        }
    }
    Ok(walk.found)
}

struct Walk {
    found: Vec<Found>,
    entries: usize,
    /// Whether what is added is named itself.
    is_named: bool,
}

impl Walk {
    fn add(&mut self, path: &Path, wrong: Option<Unreadable>) {
        let wrong = wrong.or_else(|| (self.found.len() >= MOST_FILES).then_some(Unreadable::TooMany));
        let is_too_many = |wrong: &Option<Unreadable>| matches!(wrong, Some(Unreadable::TooMany));
        let was_told = self.found.last().is_some_and(|last| is_too_many(&last.wrong));
        if !(was_told && is_too_many(&wrong)) {
            let is_named = self.is_named;
            self.found.push(Found { file: path.display().to_string(), path: path.to_owned(), wrong, is_named });
        }
    }

    fn folder(&mut self, folder: &Path, depth: usize) {
        let mut entries = match std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
            Ok(entries) => entries,
            Err(error) => return self.add(folder, Some(error.into())),
        };
        if depth >= DEEPEST {
            return self.add(folder, Some(Unreadable::TooDeep));
        }
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            self.entries += 1;
            if self.entries > MOST_ENTRIES {
                return self.add(folder, Some(Unreadable::TooMany));
            }
            let (path, name) = (entry.path(), entry.file_name());
            let is_hidden = name.to_string_lossy().starts_with('.');
            let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
            match entry.file_type() {
                _ if is_hidden => {}
                Ok(kind) if kind.is_dir() => self.folder(&path, depth + 1),
                Ok(kind) if kind.is_file() && ending.is_some_and(|ending| ENDINGS.contains(&&*ending)) => {
                    self.add(&path, None);
                }
                Ok(_) => {}
                Err(error) => self.add(&path, Some(error.into())),
            }
        }
    }
}

/// How much may still be read.
pub(super) struct Room(u64);

impl Default for Room {
    fn default() -> Self {
        Self(MOST_BYTES)
    }
}

impl Room {
    /// The text of a file; `-` is standard input.
    pub(super) fn read(&mut self, path: &Path) -> Result<String, Unreadable> {
        let mut bytes = Vec::new();
        if path.as_os_str() == "-" {
            std::io::stdin().lock().take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
        } else {
            std::fs::File::open(path)?.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
        }
        let length = bytes.len() as u64;
        if length > LARGEST_FILE {
            return Err(Unreadable::TooLarge);
        }
        self.0 = self.0.checked_sub(length).ok_or(Unreadable::TooMuch)?;
        String::from_utf8(bytes).map_err(|_| Unreadable::NoText)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(found: &[Found], root: &Path) -> Vec<String> {
        let name = |found: &Found| found.path.strip_prefix(root).unwrap().display().to_string();
        found.iter().map(name).collect()
    }

    #[test]
    fn folders_are_walked_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["b/z.yml", "b/a.JSON", "a.yaml", "c.txt", ".git/x.yaml", ".hidden.yaml", "chart/templates/_h.tpl"]
        {
            std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            std::fs::write(root.join(name), "x").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(root, root.join("b/round")).unwrap();
        let found = find(&[root.to_owned()]).unwrap();
        assert_eq!(names(&found, root), ["a.yaml", "b/a.JSON", "b/z.yml"]);
        assert!(found.iter().all(|found| found.wrong.is_none()));
        let named = find(&[root.join("c.txt"), "-".into()]).unwrap();
        assert_eq!(named.len(), 2, "what is named is read, whatever it ends in");
    }

    #[test]
    fn what_is_not_there_is_a_wrong_argument() {
        let folder = tempfile::tempdir().unwrap();
        let gone = find(&[folder.path().join("gone.yaml")]).err().unwrap();
        assert!(gone.to_string().ends_with("gone.yaml can't be read"), "{gone}");
    }

    #[test]
    fn folders_without_end_are_left() {
        let folder = tempfile::tempdir().unwrap();
        let mut deep = folder.path().to_owned();
        for _ in 0..DEEPEST + 3 {
            deep.push("d");
        }
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("a.yaml"), "x").unwrap();
        let found = find(&[folder.path().to_owned()]).unwrap();
        assert!(matches!(found[..], [Found { wrong: Some(Unreadable::TooDeep), .. }]));
    }

    #[test]
    fn more_files_than_are_read_are_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        std::fs::write(&file, "x").unwrap();
        let wrong = |files: usize, rest: &Path| {
            let named: Vec<PathBuf> =
                std::iter::repeat_n(file.clone(), files).chain([rest.to_owned(), rest.to_owned()]).collect();
            let found = find(&named).unwrap();
            let wrong = found.iter().filter(|found| matches!(found.wrong, Some(Unreadable::TooMany))).count();
            (found.len(), wrong)
        };
        assert_eq!(wrong(MOST_FILES - 2, &file), (MOST_FILES, 0));
        assert_eq!(wrong(MOST_FILES, &file), (MOST_FILES + 1, 1), "files that are named");
        assert_eq!(wrong(MOST_FILES, folder.path()), (MOST_FILES + 1, 1), "files of folders");
        let empty = tempfile::tempdir().unwrap();
        std::fs::write(empty.path().join("notes.txt"), "x").unwrap();
        assert_eq!(wrong(MOST_FILES, empty.path()), (MOST_FILES, 0), "nothing is left out");
    }

    #[test]
    fn files_have_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let (large, small) = (folder.path().join("large.yaml"), folder.path().join("small.yaml"));
        std::fs::File::create(&large).unwrap().set_len(LARGEST_FILE + 1).unwrap();
        std::fs::write(&small, [0xff, 0xfe]).unwrap();
        assert!(matches!(Room::default().read(&large), Err(Unreadable::TooLarge)));
        assert!(matches!(Room::default().read(&small), Err(Unreadable::NoText)));
        assert!(matches!(Room(1).read(&small), Err(Unreadable::TooMuch)));
    }
}
