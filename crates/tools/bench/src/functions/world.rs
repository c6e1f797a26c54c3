//! The servers for the measured programs: Postgres and S3 over TLS, with the same data for every
//! program.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use slipway_core::env::Environment;
use slipway_core::{ContentType, FileId, FileName, Metadata, ObjectKey, UserId};
use slipway_db::{Config, Db};
use slipway_emulators::guard::Guard;
use slipway_emulators::postgres::{Postgres, PostgresOptions};
use slipway_emulators::s3::{S3Options, S3Server};
use slipway_s3_urls::{Credentials, Location, Signer, Upload, UploadUrls};
use slipway_testkit::{Authority, cache};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The bucket.
pub(super) const BUCKET: &str = "slipway-files";
/// The user with a hundred files to list.
pub(super) const LISTER: &str = "lister";
/// The users that record and delete.
pub(super) const SAVER: &str = "saver";
pub(super) const DELETER: &str = "deleter";

const REGION: &str = "us-east-1";
const ACCESS_KEY: &str = "ASIAIOSFODNN7EXAMPLE";
const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const LISTED: usize = 100;
const STRANGERS: usize = 10_000;
/// The first bytes of a JPEG, so that detection agrees with the content type.
const BYTES: &[u8] = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00";

/// The servers and their addresses. They stop when dropped.
pub(super) struct BenchServers {
    runtime: Runtime,
    postgres: Postgres,
    admin: Client,
    s3: S3Server,
    s3_port: u16,
    folder: tempfile::TempDir,
    /// The keys of objects that can be recorded or deleted.
    pub(super) keys: Vec<ObjectKey>,
    trash: Vec<ObjectKey>,
}

impl BenchServers {
    /// Starts the servers, and uploads `objects` objects that can be recorded.
    pub(super) fn start(objects: usize) -> io::Result<Self> {
        let runtime = Runtime::new()?;
        let folder = tempfile::Builder::new()
            .prefix("slipway-bench-")
            .tempdir()?;
        let authority = Authority::new();
        bundles(&authority, folder.path())?;
        let (certificate, key) = authority.sign(&["localhost"]);
        let postgres = postgres(&certificate, &key)?;
        let admin = runtime.block_on(prepare(&postgres, &authority))?;
        let options = S3Options {
            root: folder.path().join("s3"),
            bucket: BUCKET.to_owned(),
            region: REGION.to_owned(),
            access_key: ACCESS_KEY.to_owned(),
            secret_key: SECRET_KEY.to_owned(),
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
        };
        let (s3, _) = runtime.block_on(S3Server::start(options))?;
        let s3_port = runtime.block_on(serve_tls(&s3.endpoint(), &certificate, &key))?;
        let mut world = Self {
            runtime,
            postgres,
            admin,
            s3,
            s3_port,
            folder,
            keys: keys(SAVER, objects)?,
            trash: keys(DELETER, objects)?,
        };
        world.put_objects()?;
        world.fill()?;
        Ok(world)
    }

    /// The folder for logs.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The ports of Postgres and S3. A proxy replaces them with its own.
    pub(super) fn ports(&self) -> (u16, u16) {
        (self.postgres.port(), self.s3_port)
    }

    /// The environment of every function, as the template and Lambda set it, with servers at these
    /// ports.
    pub(super) fn env((postgres, s3): (u16, u16)) -> Vec<(String, String)> {
        let s3 = format!("https://localhost:{s3}");
        let database = format!(
            "postgresql://neondb_owner:npg_AbC123@localhost:{postgres}/neondb?sslmode=require"
        );
        // As long as a role's.
        let token = "IQoJb3JpZ2luX2VjEXAMPLE".repeat(44);
        [
            ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin"),
            ("LANG", "en_US.UTF-8"),
            ("TZ", ":UTC"),
            ("_HANDLER", "bootstrap"),
            ("LAMBDA_TASK_ROOT", "/var/task"),
            ("AWS_LAMBDA_FUNCTION_NAME", "function"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/slipway/function"),
            (
                "AWS_LAMBDA_LOG_STREAM_NAME",
                "2026/11/21/[$LATEST]0123456789abcdef",
            ),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ("AWS_SESSION_TOKEN", &token),
            ("AWS_ENDPOINT_URL_S3", &s3),
            ("S3_BUCKET_NAME", BUCKET),
            ("DATABASE_URL", &database),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// The roots in certs/ and ours, in the layer's layout: for `SSL_CERT_DIR` and `SSL_CERT_FILE`.
    pub(super) fn layer(&self) -> [(String, OsString); 2] {
        let layer = self.folder().join("layer");
        [("SSL_CERT_DIR", "roots"), ("SSL_CERT_FILE", "ca.pem")]
            .map(|(name, at)| (name.to_owned(), layer.join(at).into()))
    }

    /// The machine's roots and ours, for functions that bring no roots.
    pub(super) fn large_bundle(&self) -> PathBuf {
        self.folder().join("system.pem")
    }

    /// Our root alone, for functions that add it to their own.
    pub(super) fn own_root(&self) -> PathBuf {
        self.folder().join("own.pem")
    }

    /// Resets the data: nothing is recorded, and everything can be deleted.
    pub(super) fn reset(&self) -> io::Result<()> {
        let sql = format!(
            "DELETE FROM s3_files WHERE user_id IN ('{SAVER}', '{DELETER}'); \
             DELETE FROM user_usage WHERE user_id IN ('{SAVER}', '{DELETER}')"
        );
        let emptied = self.runtime.block_on(self.admin.batch_execute(&sql));
        emptied.map_err(io::Error::other)?;
        self.insert(&self.trash)
    }

    /// The id of a file to delete.
    pub(super) fn deletable(&self, at: usize) -> FileId {
        self.trash[at].id()
    }

    fn fill(&mut self) -> io::Result<()> {
        self.insert(&keys(LISTER, LISTED)?)?;
        for stranger in 0..10 {
            self.insert(&keys(&format!("stranger-{stranger}"), STRANGERS / 10)?)?;
        }
        let analyze = self
            .runtime
            .block_on(self.admin.batch_execute("VACUUM ANALYZE"));
        analyze.map_err(io::Error::other)
    }

    fn insert(&self, keys: &[ObjectKey]) -> io::Result<()> {
        let ids: Vec<uuid::Uuid> = keys.iter().map(|key| key.id().uuid()).collect();
        let texts: Vec<&str> = keys.iter().map(ObjectKey::as_str).collect();
        let owner = keys[0].owner().as_str();
        let insert = "INSERT INTO s3_files (id, object_key, bucket, file_url, user_id, file_name, content_type, \
             detected_type, size, etag, upload_timestamp) \
             SELECT id, key, $4, 'https://example.com/' || key, $3, 'holiday photo.jpg', 'image/jpeg', 'image/jpeg', \
             20, 'd41d8cd98f00b204e9800998ecf8427e', now() FROM unnest($1::uuid[], $2::text[]) AS t(id, key)";
        let usage = "INSERT INTO user_usage (user_id, files, bytes) SELECT user_id, count(*), sum(size) \
             FROM s3_files WHERE user_id = $1 GROUP BY user_id";
        self.runtime.block_on(async {
            self.admin
                .execute(insert, &[&ids, &texts, &owner, &BUCKET])
                .await
                .map_err(io::Error::other)?;
            self.admin
                .execute(usage, &[&owner])
                .await
                .map_err(io::Error::other)
        })?;
        Ok(())
    }

    fn put_objects(&self) -> io::Result<()> {
        let endpoint = self.s3.endpoint();
        let env = &Environment::from_iter([
            ("S3_BUCKET_NAME", BUCKET),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ("S3_ENDPOINT", &endpoint),
        ]);
        let location = Location::from_env(env).map_err(io::Error::other)?;
        let host = location.host().to_owned();
        let credentials = Credentials::from_env(env).map_err(io::Error::other)?;
        let urls = UploadUrls::from_env(env, Signer::new(location, credentials));
        let urls = urls.map_err(io::Error::other)?;
        let name = FileName::parse("holiday photo.jpg").map_err(io::Error::other)?;
        let kind = ContentType::parse("image/jpeg").map_err(io::Error::other)?;
        for key in &self.keys {
            let upload = Upload {
                key,
                file_name: &name,
                content_type: &kind,
                size: Some(BYTES.len() as u64),
                checksum: None,
                metadata: &Metadata::default(),
                rule: None,
                write_once: false,
            };
            let url = urls.put(&upload, OffsetDateTime::now_utc()).signed.url;
            put(&host, &url)?;
        }
        Ok(())
    }
}

/// Writes the root certificates that the programs trust.
fn bundles(authority: &Authority, folder: &Path) -> io::Result<()> {
    let own = fs::read_to_string(authority.path())?;
    let certs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../certs");
    let layer = folder.join("layer");
    fs::create_dir_all(layer.join("roots"))?;
    for roots in [certs.join("roots"), authority.hashed()] {
        for file in fs::read_dir(roots)? {
            let file = file?;
            fs::copy(file.path(), layer.join("roots").join(file.file_name()))?;
        }
    }
    fs::copy(certs.join("README.md"), layer.join("ca.pem"))?;
    let system = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/cert.pem",
    ];
    let system = system.iter().find_map(|path| fs::read_to_string(path).ok());
    let system = system.ok_or_else(|| io::Error::other("this machine has no bundle of roots"))?;
    fs::write(folder.join("system.pem"), system + &own)?;
    fs::write(folder.join("own.pem"), own)
}

fn postgres(certificate: &str, key: &str) -> io::Result<Postgres> {
    let mut options = PostgresOptions::temporary(cache());
    options.settings = vec![("ssl".to_owned(), "on".to_owned())];
    options.files = vec![
        ("server.crt".to_owned(), certificate.into()),
        ("server.key".to_owned(), key.into()),
    ];
    Postgres::start(&Guard::this()?, &options)
}

/// A login and a database as Neon creates them, with the newest schema. Returns the superuser's
/// connection.
async fn prepare(server: &Postgres, authority: &Authority) -> io::Result<Client> {
    let admin = connect(&server.url()).await?;
    for statement in [
        "CREATE ROLE neondb_owner LOGIN CREATEROLE PASSWORD 'npg_AbC123'",
        "CREATE DATABASE neondb OWNER neondb_owner",
    ] {
        admin
            .batch_execute(statement)
            .await
            .map_err(io::Error::other)?;
    }
    let url = format!(
        "postgresql://neondb_owner:npg_AbC123@localhost:{}/neondb?sslmode=require&sslrootcert={}",
        server.port(),
        authority.path().display()
    );
    let config = Config::parse("DATABASE_URL", &url).map_err(io::Error::other)?;
    let db = Db::new(config).map_err(io::Error::other)?;
    db.migrate().await.map_err(io::Error::other)?;
    connect(&server.url_of("neondb")).await
}

async fn connect(url: &str) -> io::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(client)
}

fn keys(owner: &str, count: usize) -> io::Result<Vec<ObjectKey>> {
    let owner = UserId::parse(owner).ok_or_else(|| io::Error::other("no user"))?;
    let name = FileName::parse("holiday photo.jpg").map_err(io::Error::other)?;
    Ok((0..count)
        .map(|_| ObjectKey::new(owner.clone(), FileId::new(), &name))
        .collect())
}

/// Terminates TLS, as AWS does, and passes the rest on to `endpoint`. Returns its port.
async fn serve_tls(endpoint: &str, certificate: &str, key: &str) -> io::Result<u16> {
    let upstream = endpoint.trim_start_matches("http://").to_owned();
    let chain = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(io::Error::other)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .map_err(io::Error::other)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (acceptor, upstream) = (acceptor.clone(), upstream.clone());
            tokio::spawn(async move {
                client.set_nodelay(true)?;
                let mut client = acceptor.accept(client).await?;
                let mut server = tokio::net::TcpStream::connect(upstream).await?;
                server.set_nodelay(true)?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    Ok(port)
}

/// Uploads one object through its URL.
fn put(host: &str, url: &str) -> io::Result<()> {
    let path = url.trim_start_matches("http://").trim_start_matches(host);
    let mut stream = TcpStream::connect(host)?;
    let length = BYTES.len();
    write!(
        stream,
        "PUT {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(BYTES)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200") {
        return Ok(());
    }
    Err(io::Error::other(format!("S3 refuses an object: {answer}")))
}
