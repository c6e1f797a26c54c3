//! Concurrent writers: their throughput, their waiting times, and what they wait for.

use std::io;
use std::time::{Duration, Instant};

use slipway_core::UserId;
use slipway_db::{Db, Recorded};
use tokio::task::JoinSet;

use super::operations::{file, record};
use super::server::{StatementServer, user};
use crate::stats::percentile;

/// A group of writers and its results.
pub(super) struct Crowd {
    pub(super) writers: usize,
    /// Whether all of them wrote for one user.
    pub(super) one_user: bool,
    /// Statements per second, of all writers together.
    pub(super) throughput: f64,
    /// Milliseconds of one statement.
    pub(super) p50: f64,
    pub(super) p99: f64,
    /// The average number of writers that waited for a lock.
    pub(super) waiting: f64,
    pub(super) deadlocks: i64,
}

/// Lets `writers` alternately record and delete files for `time`.
pub(super) async fn crowd(
    server: &StatementServer,
    writers: usize,
    one_user: bool,
    time: Duration,
) -> io::Result<Crowd> {
    let before = deadlocks(server).await?;
    let mut dbs = Vec::new();
    for number in 0..writers {
        let name = if one_user {
            "crowd".to_owned()
        } else {
            format!("crowd{number}")
        };
        let db = server.db()?;
        db.warm_up().await;
        dbs.push((db, user(&name)?));
    }
    let started = Instant::now();
    let until = started + time;
    let mut running = JoinSet::new();
    for (db, user) in dbs {
        running.spawn(async move { write(&db, &user, until).await });
    }
    let mut waiting = Vec::new();
    while Instant::now() < until {
        waiting.push(
            server
                .value::<i64>(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
                )
                .await? as f64,
        );
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let mut millis = Vec::new();
    while let Some(done) = running.join_next().await {
        millis.extend(done.map_err(io::Error::other)??);
    }
    let of = |percent| percentile(&millis, percent).unwrap_or(f64::NAN);
    Ok(Crowd {
        writers,
        one_user,
        throughput: millis.len() as f64 / started.elapsed().as_secs_f64(),
        p50: of(50),
        p99: of(99),
        waiting: waiting.iter().sum::<f64>() / waiting.len() as f64,
        deadlocks: deadlocks(server).await? - before,
    })
}

/// The milliseconds of every statement.
async fn write(db: &Db, user: &UserId, until: Instant) -> io::Result<Vec<f64>> {
    let mut millis = Vec::new();
    while Instant::now() < until {
        let file = file(user)?;
        let started = Instant::now();
        let recorded = record(db, &file).await?;
        millis.push(started.elapsed().as_secs_f64() * 1000.0);
        let started = Instant::now();
        let deleted = db
            .delete_files(user, &[file.key.id()])
            .await
            .map_err(io::Error::other)?;
        millis.push(started.elapsed().as_secs_f64() * 1000.0);
        if !matches!(recorded, Recorded::Created(_)) || deleted.len() != 1 {
            return Err(io::Error::other("a file was not recorded and deleted once"));
        }
    }
    Ok(millis)
}

async fn deadlocks(server: &StatementServer) -> io::Result<i64> {
    // A backend reports its counters when it has been idle for a second, or ends.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    server
        .value("SELECT sum(deadlocks)::bigint FROM pg_stat_database")
        .await
}
