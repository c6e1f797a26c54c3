//! A program to run under a guard, and how to stop it.
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The account to run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// The user id.
    pub uid: u32,
    /// The main group.
    pub gid: u32,
}

/// A program with its arguments, its environment, and how to stop it.
#[derive(Debug)]
pub struct Program {
    name: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, Option<OsString>)>,
    dir: Option<PathBuf>,
    user: Option<User>,
    interrupt: bool,
    grace: Duration,
    remove: Option<PathBuf>,
    stdout: Stdio,
    stderr: Stdio,
}

impl Program {
    /// A program by path, or by name in `PATH`. Its input is empty.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            name: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            dir: None,
            user: None,
            interrupt: false,
            grace: Duration::from_secs(5),
            remove: None,
            stdout: Stdio::inherit(),
            stderr: Stdio::inherit(),
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), Some(value.into())));
        self
    }

    /// Removes a variable.
    #[must_use]
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Self {
        self.env.push((name.into(), None));
        self
    }

    /// Sets its folder.
    #[must_use]
    pub fn current_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// Runs it as another account.
    #[must_use]
    pub fn user(mut self, user: Option<User>) -> Self {
        self.user = user;
        self
    }

    /// Stops it with `SIGINT` instead of `SIGTERM`: Postgres' fast shutdown.
    #[must_use]
    pub fn stop_by_interrupt(mut self) -> Self {
        self.interrupt = true;
        self
    }

    /// The time until it is killed after its signal; 5 s by default.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// A folder to delete after its end, also if only the keeper is left.
    #[must_use]
    pub fn remove_after(mut self, folder: Option<PathBuf>) -> Self {
        self.remove = folder;
        self
    }

    /// Sets its standard output.
    #[must_use]
    pub fn stdout(mut self, to: impl Into<Stdio>) -> Self {
        self.stdout = to.into();
        self
    }

    /// Sets its error output.
    #[must_use]
    pub fn stderr(mut self, to: impl Into<Stdio>) -> Self {
        self.stderr = to.into();
        self
    }

    /// The program that was given to [`Program::new`].
    pub(crate) fn name(&self) -> &OsStr {
        &self.name
    }

    /// The keeper's arguments, as `keeper::Orders` parses them.
    pub(super) fn orders(&self) -> Vec<OsString> {
        let mut orders: Vec<OsString> = Vec::new();
        let mut option = |name: &str, value: OsString| orders.extend([name.into(), value]);
        if let Some(user) = self.user {
            option("--uid", user.uid.to_string().into());
            option("--gid", user.gid.to_string().into());
        }
        if self.interrupt {
            option("--signal", "int".into());
        }
        option("--grace-ms", self.grace.as_millis().to_string().into());
        if let Some(folder) = &self.remove {
            option("--remove", folder.into());
        }
        orders.extend(["--".into(), self.name.clone()]);
        orders.extend(self.args.iter().cloned());
        orders
    }

    /// Sets up the keeper's command with what the program inherits. Returns the name of the
    /// program.
    pub(super) fn prepare(self, command: &mut Command) -> OsString {
        for (name, value) in self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(dir) = self.dir {
            command.current_dir(dir);
        }
        command.stdout(self.stdout).stderr(self.stderr);
        self.name
    }
}
