//! A bucket and a table with every kind of difference, and the state after a run.

use slipway_core::ObjectKey;

use crate::world::World;

/// Keys of other applications in the same bucket. Some contain characters that XML cannot
/// represent, and all sort among ours.
const FOREIGN: [&str; 6] = [
    "0-backup/dump.sql",
    "alice/notes.txt",
    "alice/01890a5d-ac96-774b-bcce-b302099a8057/a b+c.txt",
    "m/\u{1}control",
    "zzz",
    "ü/ø",
];

/// The differences that [`make`] creates.
pub(crate) struct Mess {
    /// Keys that must have live rows in the end.
    pub(crate) live: Vec<String>,
    /// The number of files of each kind.
    pub(crate) each: usize,
}

/// `each` files of every kind, over several owners.
pub(crate) async fn make(world: &World, each: usize) -> Mess {
    let mut live = Vec::new();
    let recorder = world.recorder().await;
    let file = async |owner: &str| {
        let key = world.object(owner).await;
        recorder.record(&key).await.unwrap();
        key
    };
    for at in 0..each {
        let owner = ["alice", "bob@example.com", "auth0|5f7c", "~", "Zoë"][at % 5];
        // No difference.
        live.push(file(owner).await);
        // No row: the event was lost, and the client did not confirm.
        live.push(world.object(owner).await);
        // No object: it was removed by hand.
        let lost = file(owner).await;
        world.remove_object(lost.as_str()).await;
        // Another object than the one in the row: it was overwritten, and no event arrived.
        let other = file(owner).await;
        world
            .put(&other, "other", format!("{at} other bytes").as_bytes())
            .await;
        live.push(other);
        // A row that is newer than its object: a version was removed.
        let later = file(owner).await;
        world
            .sql(&format!(
                "UPDATE s3_files SET etag = 'later', upload_timestamp = upload_timestamp + interval '9 seconds' WHERE id = '{}'",
                later.id()
            ))
            .await;
        live.push(later);
        // A tombstone whose object remains.
        let deleted = file(owner).await;
        world.delete(&deleted).await;
        // A tombstone without an object.
        let done = file(owner).await;
        world.delete(&done).await;
        world.remove_object(done.as_str()).await;
    }
    for foreign in FOREIGN {
        put_foreign(world, foreign).await;
    }
    let mut live: Vec<String> = live.iter().map(|key| key.as_str().to_owned()).collect();
    live.sort();
    Mess { live, each }
}

pub(crate) async fn put_foreign(world: &World, text: &str) {
    assert!(ObjectKey::parse(text).is_err());
    let put = world.s3.put_object().bucket(crate::world::BUCKET).key(text);
    put.body(b"theirs".to_vec().into()).send().await.unwrap();
}

impl Mess {
    pub(crate) const fn foreign() -> usize {
        FOREIGN.len()
    }

    /// The initial number of objects.
    pub(crate) const fn objects(&self) -> usize {
        self.each * 5 + FOREIGN.len()
    }

    /// The counts of a full sweep.
    pub(crate) fn numbers(&self) -> String {
        let (each, twice) = (self.each, self.each * 2);
        let (objects, rows, foreign) = (self.objects(), each * 6, FOREIGN.len());
        format!(
            "foreign {foreign}, forgotten {each}, objects {objects}, recorded {each}, refreshed {twice}, removed {each}, rows {rows}"
        )
    }

    /// Asserts that no file is lost, no deleted file is restored, and foreign keys are unchanged.
    pub(crate) async fn check_healed(&self, world: &World) {
        assert_eq!(world.live().await, self.live);
        world.check().await;
        let keys = world.keys().await;
        for foreign in FOREIGN {
            assert!(keys.iter().any(|key| key == foreign), "{foreign:?}");
        }
    }
}

/// A valid key with an object and with the id of another file.
pub(crate) async fn impostor(world: &World, of: &ObjectKey) -> ObjectKey {
    let key = ObjectKey::parse(&format!("mallory/{}/a.txt", of.id())).unwrap();
    world.put(&key, "a", b"mine").await;
    key
}
