//! Neon's pooled hosts. The name without `-pooler` connects directly to the same database.

use super::Config;

impl Config {
    /// The same database without Neon's pooler: `ep-x-pooler.region…` becomes `ep-x.region…`.
    ///
    /// Other hosts are returned unchanged. For those, configure an unpooled URL for migrations.
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
