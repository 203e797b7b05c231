//! Whether a folder is somebody's home. In: the folder, and the home of the user who scans. Out: yes or no. No file is read.

use std::fs;
use std::path::Path;

/// What programs put into a home and into nothing else; one of them alone may be a project's.
const SIGNS: [&str; 10] = [
    ".bashrc", ".bash_history", ".profile", ".zshrc", ".zsh_history", ".ssh", ".cache", ".local", ".bash_profile",
    ".gnupg",
];

/// Whether a folder is a home: that of the user, one of those that systems make, or one that looks lived in.
pub fn is_home(folder: &Path, own: Option<&Path>) -> bool {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(real) = fs::canonicalize(folder) else { return false };
    let own = own.and_then(|own| fs::canonicalize(own).ok());
    let made = real == Path::new("/root")
        || real.parent().is_some_and(|above| [Path::new("/home"), Path::new("/Users")].contains(&above));
    own.as_ref() == Some(&real) || made || SIGNS.iter().filter(|sign| real.join(sign).exists()).count() > 1
}
