"""The upload function as tutorials write it in Python: boto3 and psycopg, one client of each kind made once."""

import json
import os
import uuid

import boto3
import psycopg
from botocore.config import Config

BUCKET = os.environ["S3_BUCKET_NAME"]
# What a local S3 needs, and AWS does not: path style. Without s3v4, boto3 signs URLs as S3 did in 2006.
s3 = boto3.client("s3", config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))
postgres = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


def handler(event, _context):
    """One request of API Gateway's HTTP API."""
    user = event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
    method, path = event["requestContext"]["http"]["method"], event["rawPath"]
    body = json.loads(event["body"]) if event.get("body") else {}
    if (method, path) == ("POST", "/presign-upload"):
        answer = presign(user, body)
    elif (method, path) == ("POST", "/save-metadata"):
        answer = save(user, body)
    elif (method, path) == ("GET", "/files"):
        answer = files(user)
    elif method == "DELETE" and path.startswith("/files/"):
        answer = delete(user, path.removeprefix("/files/"))
    else:
        return {"statusCode": 404}
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"success": True, **answer}),
    }


def presign(user, body):
    """A URL for one upload."""
    file_id = str(uuid.uuid4())
    key = f"{user}/{file_id}/{body['fileName']}"
    url = s3.generate_presigned_url(
        "put_object", Params={"Bucket": BUCKET, "Key": key, "ContentType": body["contentType"]}, ExpiresIn=300
    )
    return {"id": file_id, "objectKey": key, "presignedUrl": url}


def save(user, body):
    """Records what was uploaded."""
    key = body["objectKey"]
    if not key.startswith(f"{user}/"):
        raise PermissionError(key)
    head = s3.head_object(Bucket=BUCKET, Key=key)
    file_id = key.split("/")[1]
    postgres.execute(
        """INSERT INTO s3_files
           (id, object_key, bucket, file_url, user_id, file_name, content_type, size, etag, upload_timestamp)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, now()) ON CONFLICT (id) DO NOTHING""",
        (
            file_id,
            key,
            BUCKET,
            f"https://{BUCKET}.s3.amazonaws.com/{key}",
            user,
            body["fileName"],
            head["ContentType"],
            head["ContentLength"],
            head["ETag"],
        ),
    )
    return {"id": file_id}


def files(user):
    """The newest hundred files, each with a URL to read it."""
    rows = postgres.execute(
        """SELECT id, object_key, file_name, content_type, size, etag, upload_timestamp FROM s3_files
           WHERE user_id = %s AND deleted_at IS NULL ORDER BY id DESC LIMIT 100""",
        (user,),
    )
    listed = [
        {
            "id": str(row[0]),
            "objectKey": row[1],
            "fileName": row[2],
            "contentType": row[3],
            "size": row[4],
            "etag": row[5],
            "uploadedAt": row[6].isoformat(),
            "url": s3.generate_presigned_url(
                "get_object", Params={"Bucket": BUCKET, "Key": row[1]}, ExpiresIn=900
            ),
        }
        for row in rows
    ]
    return {"files": listed}


def delete(user, file_id):
    """Removes a file."""
    row = postgres.execute(
        "DELETE FROM s3_files WHERE id = %s AND user_id = %s RETURNING object_key", (file_id, user)
    ).fetchone()
    if row is None:
        raise KeyError(file_id)
    s3.delete_object(Bucket=BUCKET, Key=row[0])
    return {}
