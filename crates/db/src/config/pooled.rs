//! Neon's pooled hosts: the same database answers directly at the name without `-pooler`.

use super::Config;

impl Config {
    /// The same database past Neon's pooler: `ep-x-pooler.region…` answers directly at `ep-x.region…`.
    ///
    /// Other hosts stay as they are; give migrations an unpooled URL of their own there.
    #[must_use]
    pub fn direct(mut self) -> Self {
        for server in &mut self.servers {
            if let Some((label, rest)) = server.host.split_once('.')
                && let Some(direct) = label.strip_suffix("-pooler")
            {
                server.host = format!("{direct}.{rest}");
            }
        }
        self
    }
}
