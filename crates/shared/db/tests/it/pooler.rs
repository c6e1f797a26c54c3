//! Runs through `PgBouncer` in transaction mode, where each transaction may use another server
//! connection.

use slipway_db::{Config, Db, Usage};
use slipway_testkit::{PgBouncer, database, skips};

use crate::support::{HERE, checked_usage, key, object};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_users_share_two_connections_and_nothing_leaks() {
    if skips("pgbouncer") {
        eprintln!("SKIPPED, as SLIPWAY_SKIP says: pgbouncer");
        return;
    }
    let database = database();
    let pooler = PgBouncer::start(database.server(), 2);
    let url = pooler.through(database.server(), &database.url());
    // As Prisma's users and poolers' manuals write it.
    let url = format!("{url}?pgbouncer=true&connection_limit=1");
    let clients = (0..12_u64).map(|client| {
        let db = Db::new(Config::parse("DATABASE_URL", &url).expect("a URL")).expect("a database");
        async move {
            let owner = format!("user{client}");
            for _ in 0..20 {
                let key = key(&owner);
                let object = object(&key, client, "a", 1);
                let _ = db
                    .record_file(&object, &HERE, Some(1000), None)
                    .await
                    .expect("recorded");
            }
            db.usage(&crate::support::user(&owner))
                .await
                .expect("usage")
        }
    });
    for (client, usage) in futures_util::future::join_all(clients)
        .await
        .iter()
        .zip(0_u64..)
        .map(|(u, c)| (c, u))
    {
        assert_eq!(
            *usage,
            Usage {
                files: 20,
                bytes: 20 * client
            }
        );
        let _ = checked_usage(&database, &format!("user{client}")).await;
    }
    // Migrations must work too, because a deployment may have no direct URL.
    let db = Db::new(Config::parse("DATABASE_URL", &url).expect("a URL")).expect("a database");
    assert!(db.migrate().await.expect("migrated").is_empty());
}
