"""Deploys an archive as its guide says, with the AWS CLI, against an emulator, and uploads a file.

usage: rehearse.py ARCHIVE FOLDER AWS

AWS_ENDPOINT_URL is the emulator. It executes every command of the sections "Once" and "Each release" of the guide, in
their order. Then it puts an object into the bucket of the stack, waits until EventBridge has delivered its event to the
queue of the stack, and downloads the functions from where they were deployed. FOLDER/deployed.json has the result.
"""

import hashlib
import io
import json
import os
import shlex
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import boto3

BUCKET = "slipway-code"
URL = "postgres://slipway:a-password-of-the-rehearsal@db.example.com/slipway"
KEY = "alice/01890a5d-ac96-774b-bcce-b302099a8057/cat.png"
# One pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000000000200010005fe02fea7"
    "35819d0000000049454e44ae426082"
)


def unpacked(archive, folder):
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    (place,) = folder.iterdir()
    sums = dict(reversed(line.split("  ")) for line in (place / "SHA256SUMS").read_text().splitlines())
    for name, expected in sums.items():
        assert hashlib.sha256((place / name).read_bytes()).hexdigest() == expected, name
    assert set(sums) | {"SHA256SUMS"} == {one.name for one in place.iterdir()}
    return place


def commands(guide, heading):
    """The commands of a section."""
    section = guide.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [line.strip().replace("YOUR-BUCKET", BUCKET) for line in section.splitlines() if line.startswith("    ")]


def run(aws, command, place):
    name, *arguments = shlex.split(command)
    assert name == "aws", command
    done = subprocess.run([aws, *arguments], cwd=place, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command}\n{done.stdout}\n{done.stderr}")
    print(f"$ {command}")
    return done.stdout


def waited(what, attempt):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if (found := attempt()) is not None:
            return found
    raise SystemExit(f"{what} did not arrive within a minute")


def main():
    archive, folder, aws = sys.argv[1:]
    place = unpacked(Path(archive), Path(folder) / "archive")
    guide = (place / "README.md").read_text()

    once = commands(guide, "Once")
    (place / "url").write_text(URL)
    made = [run(aws, command, place) for command in once]
    secret = json.loads(made[0])["ARN"]
    values = [one.split("=", 1) for one in json.loads((place / "parameters.json").read_text())]
    assert len(values) == 5, values
    filled = {**dict(values), "DatabaseUrlSecretArn": secret}
    (place / "parameters.json").write_text(json.dumps([f"{name}={value}" for name, value in filled.items()]))
    release = commands(guide, "Each release")
    assert [command.split()[2] for command in release] == ["package", "deploy", "describe-stacks"], release
    for command in release:
        run(aws, command, place)

    stack = boto3.client("cloudformation").describe_stack_resources(StackName="slipway")["StackResources"]
    ids = {one["LogicalResourceId"]: one.get("PhysicalResourceId") for one in stack}
    s3, sqs, functions = boto3.client("s3"), boto3.client("sqs"), boto3.client("lambda")
    # moto's CloudFormation ignores this property of the bucket.
    s3.put_bucket_notification_configuration(Bucket=ids["Bucket"], NotificationConfiguration={"EventBridgeConfiguration": {}})
    s3.put_object(Bucket=ids["Bucket"], Key=KEY, Body=PNG, ContentType="image/png", Metadata={"name": "Y2F0LnBuZw"})
    queue = sqs.get_queue_url(QueueName=ids["UploadQueue"].rsplit("/", 1)[-1])["QueueUrl"]
    received = lambda: next(iter(sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5).get("Messages", [])), None)
    message = waited("the event of the object", received)

    deployed = {}
    for logical, binary in (("MigrateFunction", "migrate"), ("RecordUploadFunction", "record-upload"), ("FilesFunction", "files")):
        found = functions.get_function(FunctionName=ids[logical])
        environment = found["Configuration"]["Environment"]["Variables"]
        packaged = (place / "packaged.yaml").read_text().split(f"  {logical}:\n", 1)[1].split("CodeUri: s3://", 1)[1].split("\n", 1)[0]
        bucket, key = packaged.split("/", 1)
        code = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        target = Path(folder) / binary
        target.mkdir()
        with zipfile.ZipFile(io.BytesIO(code)) as file:
            assert file.namelist() == ["bootstrap"], file.namelist()
            mode = file.infolist()[0].external_attr >> 16
            assert mode & 0o111, f"{binary} is not executable: {mode:o}"
            file.extractall(target)
        (target / "bootstrap").chmod(mode & 0o777)
        deployed[binary] = {"bootstrap": str(target / "bootstrap"), "environment": environment}
    event = {"messageId": message["MessageId"], "body": message["Body"], "eventSource": "aws:sqs"}
    result = {"functions": deployed, "event": {"Records": [event]}}
    (Path(folder) / "deployed.json").write_text(json.dumps(result, indent=1))


main()
