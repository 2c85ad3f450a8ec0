//! What the process tells the system about itself before it opens anything: what it makes is its owner's alone, and what
//! it has in memory never reaches a disk as a core dump.

/// The mask of every file and folder that this process or its children make: nothing for the group, nothing for others.
#[cfg(unix)]
const MASK: u32 = 0o077;

/// Shuts what is made from now on to everybody but its owner, and forbids core dumps: of this process, and, by the limit
/// that they inherit, of the processes that it starts. To be called first of all, before there are other threads.
///
/// # Errors
/// The system's, where it does not let a process give up its dumps.
pub fn keep_private() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit, umask};
        umask(rustix::fs::Mode::from_raw_mode(MASK as rustix::fs::RawMode));
        setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    }
    // The limit does not hold where dumps are piped into a program, as they are on most desktops.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    #[test]
    fn nothing_is_dumped_and_what_is_made_is_its_owners_alone() {
        super::keep_private().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        let core = getrlimit(Resource::Core);
        assert_eq!((core.current, core.maximum), (Some(0), Some(0)));
        let folder = tempfile::tempdir().unwrap();
        let (file, inner) = (folder.path().join("file"), folder.path().join("inner"));
        std::fs::write(&file, b"mine").unwrap();
        std::fs::create_dir(&inner).unwrap();
        let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(&inner)), (0o600, 0o700));
    }
}
