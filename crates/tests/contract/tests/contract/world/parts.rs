//! A client's multipart upload: begin, sign, PUT each part, complete.

use serde_json::{Value, json};

use super::{Answer, App, BUCKET, World};

pub(crate) const MIB: usize = 1024 * 1024;

impl App {
    /// Begins an upload of `size` bytes in parts of 5 MiB.
    pub(crate) async fn begin(&self, user: &str, size: usize) -> Value {
        let ask = json!({
            "fileName": "a.bin", "contentType": "application/octet-stream",
            "size": size, "partSize": 5 * MIB,
        });
        self.post(user, "/multipart-uploads", ask).await.expect(201)
    }

    /// The response to a request about the upload `begun`, such as `complete`, or an empty path for
    /// the upload itself.
    pub(crate) async fn about(&self, user: &str, method: &str, begun: &Value, of: &str) -> Answer {
        let id = begun["id"].as_str().expect("an id");
        let target = match of {
            "" => format!("/multipart-uploads/{id}"),
            of => format!("/multipart-uploads/{id}/{of}"),
        };
        let body = (of == "parts").then(|| json!({ "partNumbers": [1] }));
        self.call(user, method, &target, body).await
    }

    pub(crate) async fn complete(&self, user: &str, begun: &Value) -> Answer {
        self.about(user, "POST", begun, "complete").await
    }

    pub(crate) async fn abort(&self, user: &str, begun: &Value) -> Answer {
        self.about(user, "DELETE", begun, "").await
    }

    /// Signed parts, in the order of `numbers`.
    pub(crate) async fn sign(&self, user: &str, begun: &Value, numbers: &[u16]) -> Vec<Value> {
        let id = begun["id"].as_str().expect("an id");
        let target = format!("/multipart-uploads/{id}/parts");
        let ask = json!({ "partNumbers": numbers });
        let signed = self.post(user, &target, ask).await.expect(200);
        signed["parts"].as_array().expect("parts").clone()
    }

    /// PUTs the parts of `bytes` with these numbers.
    pub(crate) async fn put_parts(&self, user: &str, begun: &Value, bytes: &[u8], numbers: &[u16]) {
        for part in self.sign(user, begun, numbers).await {
            let number = usize::try_from(part["partNumber"].as_u64().unwrap()).unwrap();
            let cut = bytes.chunks(5 * MIB).nth(number - 1).expect("a part");
            let put = put_part(&part, cut).await;
            assert_eq!(put.status(), 200, "{:?}", put.text().await);
        }
    }

    /// An upload with its one short part.
    pub(crate) async fn uploaded(&self, user: &str, bytes: &[u8]) -> Value {
        let begun = self.begin(user, bytes.len()).await;
        self.put_parts(user, &begun, bytes, &[1]).await;
        begun
    }

    /// The ids of the open uploads that the API lists for `user`.
    pub(crate) async fn open_uploads(&self, user: &str) -> Vec<String> {
        let page = self.get(user, "/multipart-uploads").await.expect(200);
        assert_eq!(page["nextCursor"], Value::Null);
        let uploads = page["uploads"].as_array().expect("uploads").iter();
        uploads
            .map(|upload| upload["id"].as_str().expect("an id").to_owned())
            .collect()
    }
}

impl World {
    /// The ids of the open uploads in S3.
    pub(crate) async fn s3_uploads(&self) -> Vec<String> {
        let list = self.s3().await.list_multipart_uploads().bucket(BUCKET);
        let list = Box::pin(list.send()).await.unwrap();
        let uploads = list.uploads().iter();
        uploads
            .map(|upload| upload.upload_id().expect("an id").to_owned())
            .collect()
    }

    /// The ids in the table of uploads.
    pub(crate) async fn upload_rows(&self) -> Vec<String> {
        let sql = "SELECT id::text FROM multipart_uploads ORDER BY id";
        let rows = self.sql().await.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// S3's upload id of `begun`.
    pub(crate) async fn s3_id(&self, begun: &Value) -> String {
        let sql = "SELECT upload_id FROM multipart_uploads WHERE id = $1";
        let id = uuid::Uuid::try_parse(begun["id"].as_str().unwrap()).unwrap();
        self.sql()
            .await
            .query_one(sql, &[&id])
            .await
            .unwrap()
            .get(0)
    }

    /// Uploads a part of any length by hand.
    pub(crate) async fn part_by_hand(
        &self,
        begun: &Value,
        upload_id: &str,
        number: i32,
        bytes: &[u8],
    ) {
        let part = self.s3().await.upload_part().bucket(BUCKET);
        let part = part
            .key(begun["objectKey"].as_str().unwrap())
            .upload_id(upload_id)
            .part_number(number)
            .body(bytes.to_vec().into());
        Box::pin(part.send()).await.unwrap();
    }
}

/// PUTs `bytes` to a signed part, with exactly the signed headers.
pub(crate) async fn put_part(part: &Value, bytes: &[u8]) -> reqwest::Response {
    let mut request = reqwest::Client::new()
        .put(part["url"].as_str().expect("a URL"))
        .header("content-length", bytes.len())
        .body(bytes.to_vec());
    for (name, value) in part["headers"].as_object().expect("headers") {
        request = request.header(name, value.as_str().expect("a header"));
    }
    request.send().await.unwrap()
}
