//! The upload function as tutorials write it in Rust: the SDK with its defaults, and one client of
//! each kind, created at init.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_s3::presigning::PresigningConfig;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Error, Request, RequestExt, Response, run, service_fn, tracing};
use native_tls::TlsConnector;
use postgres_native_tls::MakeTlsConnector;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

struct App {
    s3: aws_sdk_s3::Client,
    postgres: tokio_postgres::Client,
    bucket: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Upload {
    file_name: String,
    content_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Saved {
    object_key: String,
    file_name: String,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    // A local S3 needs it, and AWS does not.
    let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true);
    let connector = MakeTlsConnector::new(TlsConnector::new()?);
    let url = std::env::var("DATABASE_URL")?;
    let (postgres, connection) = tokio_postgres::connect(&url, connector).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::error!(%error, "connection");
        }
    });
    let app = App {
        s3: aws_sdk_s3::Client::from_conf(s3.build()),
        postgres,
        bucket: std::env::var("S3_BUCKET_NAME")?,
    };
    run(service_fn(|request| handle(&app, request))).await
}

async fn handle(app: &App, request: Request) -> Result<Response<Body>, Error> {
    let user = user(&request).ok_or("no user")?;
    let path = request.uri().path().to_owned();
    let body: &[u8] = request.body();
    let answer = match (request.method().as_str(), path.as_str()) {
        ("POST", "/presign-upload") => app.presign(&user, serde_json::from_slice(body)?).await?,
        ("POST", "/save-metadata") => app.save(&user, serde_json::from_slice(body)?).await?,
        ("GET", "/files") => app.list(&user).await?,
        ("DELETE", path) => {
            app.delete(&user, path.trim_start_matches("/files/").parse()?)
                .await?
        }
        _ => return Err("no such route".into()),
    };
    let response = Response::builder()
        .status(200)
        .header("content-type", "application/json")
        .body(answer.to_string().into())?;
    Ok(response)
}

fn user(request: &Request) -> Option<String> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV2(context) => {
            let jwt = context.authorizer.as_ref()?.jwt.as_ref()?;
            jwt.claims.get("sub").cloned()
        }
        _ => None,
    }
}

impl App {
    async fn presign(&self, user: &str, upload: Upload) -> Result<Value, Error> {
        let id = Uuid::now_v7();
        let key = format!("{user}/{id}/{}", upload.file_name);
        let request = self
            .s3
            .put_object()
            .bucket(&self.bucket)
            .key(&key)
            .content_type(upload.content_type);
        let signed = request
            .presigned(PresigningConfig::expires_in(Duration::from_secs(300))?)
            .await?;
        Ok(json!({ "success": true, "id": id, "objectKey": key, "presignedUrl": signed.uri() }))
    }

    async fn save(&self, user: &str, saved: Saved) -> Result<Value, Error> {
        if !saved.object_key.starts_with(&format!("{user}/")) {
            return Err("forbidden".into());
        }
        let id: Uuid = saved.object_key.split('/').nth(1).ok_or("no id")?.parse()?;
        let head = self
            .s3
            .head_object()
            .bucket(&self.bucket)
            .key(&saved.object_key)
            .send()
            .await?;
        let url = format!(
            "https://{}.s3.amazonaws.com/{}",
            self.bucket, saved.object_key
        );
        self.postgres
            .execute(
                "INSERT INTO s3_files (id, object_key, bucket, file_url, user_id, file_name, content_type, size, etag, upload_timestamp) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now()) ON CONFLICT (id) DO NOTHING",
                &[
                    &id,
                    &saved.object_key,
                    &self.bucket,
                    &url,
                    &user,
                    &saved.file_name,
                    &head.content_type().unwrap_or("application/octet-stream"),
                    &head.content_length().unwrap_or(0),
                    &head.e_tag().unwrap_or(""),
                ],
            )
            .await?;
        Ok(json!({ "success": true, "id": id }))
    }

    async fn list(&self, user: &str) -> Result<Value, Error> {
        let rows = self
            .postgres
            .query(
                "SELECT id, object_key, file_name, content_type, size, etag, upload_timestamp FROM s3_files \
                 WHERE user_id = $1 AND deleted_at IS NULL ORDER BY id DESC LIMIT 100",
                &[&user],
            )
            .await?;
        let mut files = Vec::with_capacity(rows.len());
        for row in rows {
            let key: String = row.get(1);
            let request = self.s3.get_object().bucket(&self.bucket).key(&key);
            let url = request
                .presigned(PresigningConfig::expires_in(Duration::from_secs(900))?)
                .await?;
            files.push(json!({
                "id": row.get::<_, Uuid>(0), "objectKey": key, "fileName": row.get::<_, String>(2),
                "contentType": row.get::<_, String>(3), "size": row.get::<_, i64>(4), "etag": row.get::<_, String>(5),
                "uploadedAt": row.get::<_, chrono::DateTime<chrono::Utc>>(6), "url": url.uri(),
            }));
        }
        Ok(json!({ "success": true, "files": files }))
    }

    async fn delete(&self, user: &str, id: Uuid) -> Result<Value, Error> {
        let row = self
            .postgres
            .query_opt(
                "DELETE FROM s3_files WHERE id = $1 AND user_id = $2 RETURNING object_key",
                &[&id, &user],
            )
            .await?
            .ok_or("no such file")?;
        let key: String = row.get(0);
        self.s3
            .delete_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await?;
        Ok(json!({ "success": true }))
    }
}
