//! Users cannot see each other's rows: by the statements, and by row-level security alone.

use slipway_core::{FileRow, NamePosition};
use slipway_db::{
    Config, Db, Entry, FileState, Filter, FolderPage, NamePage, Page, Recorded, Usage,
};
use slipway_testkit::{TcpProxy, TestDatabase, database};

use crate::support::{checked_usage, file, hidden, key, object, record, upload, user};

/// Alice lists and searches by name: all names, the prefixes of Bob's names, and from his files on.
async fn names_show_nothing_of_bobs(db: &Db, mine: &FileRow, theirs: &FileRow) {
    let alice = user("alice");
    let mut his = object(&key("bob"), 7, "a", 1);
    "a folder of his/secret".clone_into(&mut his.file_name);
    let Recorded::Created(his) = record(db, &his).await else {
        panic!("not created");
    };
    let begin = NamePosition::at_prefix("");
    let positions = [begin, NamePosition::after_file(&his)];
    for (prefix, after, expected) in [
        ("", None, std::slice::from_ref(mine)),
        ("", Some(&positions[0]), std::slice::from_ref(mine)),
        ("", Some(&positions[1]), std::slice::from_ref(mine)),
        ("a folder", None, &[]),
        ("a folder of his/", None, &[]),
    ] {
        let after = after.cloned();
        let prefix = prefix.to_owned();
        let page = NamePage {
            limit: 100,
            prefix: prefix.clone(),
            after: after.clone(),
            filter: Filter::default(),
        };
        let listed = db.list_by_name(&alice, &page).await.expect("listed");
        assert_eq!(listed.files, expected);
        let page = FolderPage {
            limit: 100,
            prefix,
            after,
        };
        let listed = db.list_folder(&alice, &page).await.expect("listed");
        let entries: Vec<_> = expected.iter().cloned().map(Entry::File).collect();
        assert_eq!(listed.entries, entries);
    }
    for before in [None, Some(his.id), Some(theirs.id)] {
        let page = Page {
            limit: 100,
            before,
            ..Page::default()
        };
        let found = db.search_files(&alice, &page, &|name| !name.is_empty());
        let found = found.await.expect("searched");
        assert_eq!(found.files, std::slice::from_ref(mine));
    }
    let gone = db.delete_files(&user("bob"), &[his.id]).await;
    assert_eq!(gone.expect("deleted").len(), 1);
}

/// Alice tries every operation on Bob's file, on a connection of the superuser.
async fn alice_gets_nothing_of_bobs(database: &TestDatabase, db: &Db) {
    let alice = user("alice");
    let mine = file(db, "alice", 5).await;
    let theirs = file(db, "bob", 7).await;
    assert_eq!(
        db.find_file(&alice, theirs.id).await.expect("answered"),
        None
    );
    assert_eq!(
        db.file_state(&alice, theirs.id).await.expect("answered"),
        FileState::Unknown
    );
    let page = Page {
        limit: 100,
        ..Page::default()
    };
    let listed = db.list_files(&alice, &page).await.expect("listed");
    assert_eq!(listed.files, std::slice::from_ref(&mine));
    names_show_nothing_of_bobs(db, &mine, &theirs).await;
    assert_eq!(
        db.usage(&alice).await.expect("usage"),
        Usage { files: 1, bytes: 5 }
    );
    let his = upload(db, "bob").await;
    let hers = upload(db, "alice").await;
    let listed = db.list_uploads(&alice, None, 100).await.expect("listed");
    let listed: Vec<_> = listed.uploads.iter().map(|upload| upload.id).collect();
    assert_eq!(listed, [hers]);
    let found = db.find_upload(&alice, his).await;
    assert_eq!(found.expect("answered"), None);
    let marked = db.mark_aborted(&alice, his).await;
    assert_eq!(marked.expect("answered"), None);
    db.forget_upload(&alice, his).await.expect("answered");
    let his = db.find_upload(&user("bob"), his).await.expect("answered");
    assert!(his.is_some_and(|upload| upload.open), "his is untouched");
    let deleted = db
        .delete_files(&alice, &[theirs.id, mine.id])
        .await
        .expect("deleted");
    assert_eq!(deleted, [hidden(&mine)]);
    assert_eq!(
        checked_usage(database, "bob").await,
        Usage { files: 1, bytes: 7 }
    );
    assert_eq!(checked_usage(database, "alice").await, Usage::default());
    let state = db
        .file_state(&user("bob"), theirs.id)
        .await
        .expect("answered");
    assert_eq!(state, FileState::Live(theirs));
}

#[tokio::test]
async fn users_are_apart() {
    let database = database();
    alice_gets_nothing_of_bobs(&database, &database.db()).await;
}

/// The same test with every `WHERE user_id = $1` rewritten to a true condition on the way to the
/// server. Only row-level security is left, on a login that would bypass it.
#[tokio::test]
async fn users_are_apart_without_the_where() {
    let database = database();
    let (asked, taken_out) = ("user_id = $1", "'' <> 'a'   ");
    let proxy = TcpProxy::rewriting(database.server().port(), asked, taken_out).await;
    let config = Config::parse("DATABASE_URL", &proxy.through(&database.url())).expect("a URL");
    let db = Db::new(config).expect("a database");
    alice_gets_nothing_of_bobs(&database, &db).await;
    assert!(proxy.rewrites() >= 13, "the statements were changed");
}

#[tokio::test]
async fn nobody_named_sees_nothing() {
    let database = database();
    let db = database.db();
    let _ = file(&db, "alice", 5).await;
    let mut admin = database.admin().await;
    for user in ["", "nobody"] {
        let transaction = admin.transaction().await.expect("begins");
        transaction
            .execute("SELECT set_config('role', 'slipway_app', true), set_config('app.user_id', $1, true)", &[&user])
            .await
            .expect("set");
        for table in ["s3_files", "user_usage", "multipart_uploads"] {
            let rows = transaction
                .query(&format!("SELECT * FROM {table}"), &[])
                .await
                .expect("read");
            assert!(rows.is_empty(), "{table}");
        }
    }
    // If the setting was never made, it is null.
    let transaction = admin.transaction().await.expect("begins");
    transaction
        .batch_execute("SET LOCAL ROLE slipway_app")
        .await
        .expect("set");
    let rows = transaction
        .query("SELECT * FROM s3_files", &[])
        .await
        .expect("read");
    assert!(rows.is_empty());
    let forged = transaction
        .execute(
            "INSERT INTO user_usage (user_id, files, bytes) VALUES ('bob', 0, 0)",
            &[],
        )
        .await;
    assert!(forged.is_err(), "a row of somebody else's");
}

#[tokio::test]
async fn every_table_has_row_level_security() {
    let database = database();
    let admin = database.admin().await;
    let open = admin
        .query(
            "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relrowsecurity
             AND relnamespace = 'public'::regnamespace",
            &[],
        )
        .await
        .expect("the catalogue");
    let open: Vec<String> = open.iter().map(|row| row.get(0)).collect();
    assert!(open.is_empty(), "{open:?}");
}

/// As on RDS: the login is not a superuser and owns the database. Another login has created the
/// roles.
#[tokio::test]
async fn a_login_that_is_no_superuser_will_do() {
    let (_makes_the_roles, database) = (database(), slipway_testkit::empty_database());
    let admin = database.admin().await;
    let login = format!("login_{}", database.name());
    admin
        .batch_execute(&format!(
            "CREATE ROLE {login} LOGIN PASSWORD 'p@ss/w?rd';
             GRANT slipway_app, slipway_maintain TO {login};
             ALTER DATABASE {} OWNER TO {login}",
            database.name(),
        ))
        .await
        .expect("a login");
    let url = format!(
        "postgres://{login}:p%40ss%2Fw%3Frd@127.0.0.1:{}/{}",
        database.server().port(),
        database.name()
    );
    let db = Db::new(Config::parse("DATABASE_URL", &url).expect("a URL")).expect("a database");
    db.migrate().await.expect("migrated");
    alice_gets_nothing_of_bobs(&database, &db).await;
}
