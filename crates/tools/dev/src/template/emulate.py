"""Creates the bucket and the queues in an emulator (moto), sets their policies, and tests them.

usage: emulate.py FOLDER

What moto cannot do is done here, and said: its CloudFormation makes no policy of a bucket or queue, and of a bucket no
CORS and no lifecycle, so each is filled in with the names of what was made, and put there by S3's and SQS's own calls. It enforces none either, so they are read back
and decided by the rules of IAM, as far as ours need them. EventBridge delivers nothing in it: the rules' patterns and the
queue's policy are looked at, and the queue gets a message of ours.
"""

import fnmatch
import json
import os
import re
import sys
from pathlib import Path

import boto3
from moto import mock_aws

MADE = ["Bucket", "AccessLogBucket", "UploadQueue", "DeadLetters", "UploadRule", "ScanRule"]
OURS = "alice/01890a5d-ac96-774b-bcce-b302099a8057/cat.png"


def part(plain):
    """The resources that moto supports, and an output for each attribute that the policies reference."""
    resources = {name: plain["Resources"][name] for name in MADE}
    arns = {f"{name}Arn": {"Value": {"Fn::GetAtt": [name, "Arn"]}} for name in MADE}
    return json.dumps({"Parameters": plain["Parameters"], "Resources": resources, "Outputs": arns})


class Made:
    """The physical ids of the logical ids."""

    def __init__(self, stack, plain):
        found = stack.describe_stack_resources(StackName="slipway")["StackResources"]
        self.ids = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}
        outputs = stack.describe_stacks(StackName="slipway")["Stacks"][0]["Outputs"]
        self.arns = {one["OutputKey"].removesuffix("Arn"): one["OutputValue"] for one in outputs}
        self.known = {name: one["Default"] for name, one in plain["Parameters"].items()}
        self.known |= {"AWS::AccountId": "123456789012", "AWS::Partition": "aws", **self.ids}

    def __getitem__(self, name):
        return self.ids[name]

    def fill(self, node):
        """A part of the template with every reference resolved."""
        if isinstance(node, list):
            return [self.fill(one) for one in node]
        if not isinstance(node, dict):
            return node
        if set(node) == {"Ref"}:
            return self.known[node["Ref"]]
        if set(node) == {"Fn::GetAtt"}:
            return self.attribute(*(node["Fn::GetAtt"] if isinstance(node["Fn::GetAtt"], list) else node["Fn::GetAtt"].split(".")))
        if set(node) == {"Fn::Sub"}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: self.name(found[1]), node["Fn::Sub"])
        return {key: self.fill(one) for key, one in node.items()}

    def name(self, text):
        return self.attribute(*text.split(".")) if "." in text else str(self.known[text])

    def attribute(self, name, attribute):
        assert attribute == "Arn", attribute
        return self.arns[name]


def decides(policy, principal, action, resource, context):
    """The decision of a resource's policy on one request: allow, deny or none."""
    verdict = "nothing"
    for statement in policy["Statement"]:
        if matches(statement, principal, action, resource, context):
            if statement["Effect"] == "Deny":
                return "deny"
            verdict = "allow"
    return verdict


def listed(value):
    return value if isinstance(value, list) else [value]


def matches(statement, principal, action, resource, context):
    who = statement["Principal"]
    who = [who] if who == "*" else listed(next(iter(who.values())))
    if "*" not in who and principal not in who:
        return False
    if not any(fnmatch.fnmatchcase(action, pattern) for pattern in listed(statement["Action"])):
        return False
    named = listed(statement.get("Resource", statement.get("NotResource")))
    if any(fnmatch.fnmatchcase(resource, pattern) for pattern in named) == ("NotResource" in statement):
        return False
    return all(
        tests(operator, context.get(key), wanted)
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    )


def tests(operator, actual, wanted):
    if operator == "StringNotEquals":
        # Also true if the key is absent.
        return actual not in listed(wanted)
    if actual is None:
        return False
    if operator == "NumericGreaterThan":
        return float(actual) > float(wanted)
    if operator in ("Bool", "StringEquals", "ArnEquals"):
        return actual in listed(wanted)
    raise SystemExit(f"{operator} is not understood")


def check_bucket(made, properties, policy, seconds_put, seconds_get):
    s3 = boto3.client("s3")
    bucket = made["Bucket"]
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    cors = [
        {"ExposeHeaders": one.pop("ExposedHeaders"), "MaxAgeSeconds": one.pop("MaxAge"), **one}
        for one in properties["CorsConfiguration"]["CorsRules"]
    ]
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": cors})
    (rule,) = s3.get_bucket_cors(Bucket=bucket)["CORSRules"]
    assert rule["AllowedMethods"] == ["PUT", "GET", "HEAD"], rule
    assert rule["AllowedHeaders"] == ["content-type", "if-none-match", "range", "if-range", "x-amz-checksum-*"], rule
    assert rule["AllowedOrigins"] == ["https://app.example.com"], rule
    exposed = ["ETag", "Content-Length", "Content-Range", "Content-Disposition", "Accept-Ranges"]
    assert rule["ExposeHeaders"] == exposed, rule
    rules = [{"ID": one.pop("Id"), "Filter": {}, **one} for one in properties["LifecycleConfiguration"]["Rules"]]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert [one["AbortIncompleteMultipartUpload"] for one in rules] == [{"DaysAfterInitiation": 7}], rules
    encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}, encryption

    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    resource = f"arn:aws:s3:::{bucket}/{OURS}"
    tls = {"aws:SecureTransport": "true"}
    signed = {**tls, "s3:authType": "REST-QUERY-STRING"}
    function = "arn:aws:iam::123456789012:role/function"
    for action, seconds in (("s3:PutObject", seconds_put), ("s3:GetObject", seconds_get)):
        just = {**signed, "s3:signatureAge": str(seconds * 1000)}
        late = {**signed, "s3:signatureAge": str(seconds * 1000 + 1)}
        assert decides(policy, function, action, resource, just) == "nothing", action
        assert decides(policy, function, action, resource, late) == "deny", action
        plain = {"aws:SecureTransport": "false", "s3:authType": "REST-HEADER"}
        assert decides(policy, function, action, resource, plain) == "deny", action
        # Signatures in headers are new, and no other principal has access.
        header = {**tls, "s3:authType": "REST-HEADER", "s3:signatureAge": "900000"}
        assert decides(policy, function, action, resource, header) == "nothing", action
    assert decides(policy, function, "s3:ListBucket", f"arn:aws:s3:::{bucket}", {"aws:SecureTransport": "false"}) == "deny"


def check_gate(made, open_policy, policy):
    """With RequireScan, read URLs serve only objects that are tagged as clean, and previews."""
    tag = "s3:ExistingObjectTag/GuardDutyMalwareScanStatus"
    file = f"arn:aws:s3:::{made['Bucket']}/{OURS}"
    preview = file.replace("cat.png", "!preview")
    function = "arn:aws:iam::123456789012:role/function"
    just = {"aws:SecureTransport": "true", "s3:signatureAge": "1000"}
    query = {**just, "s3:authType": "REST-QUERY-STRING"}
    header = {**just, "s3:authType": "REST-HEADER"}
    for tags, verdict in (({}, "deny"), ({tag: "THREATS_FOUND"}, "deny"), ({tag: "NO_THREATS_FOUND"}, "nothing")):
        assert decides(policy, function, "s3:GetObject", file, {**query, **tags}) == verdict, tags
        assert decides(policy, function, "s3:GetObject", preview, {**query, **tags}) == "nothing", tags
        assert decides(policy, function, "s3:GetObject", file, {**header, **tags}) == "nothing", tags
        assert decides(policy, function, "s3:PutObject", file, {**query, **tags}) == "nothing", tags
        assert decides(open_policy, function, "s3:GetObject", file, {**query, **tags}) == "nothing", tags


def check_queues(made, policy):
    sqs = boto3.client("sqs")
    queue, dead = made["UploadQueue"], made["DeadLetters"]
    for each in (queue, dead):
        sqs.set_queue_attributes(QueueUrl=each, Attributes={"Policy": json.dumps(policy)})
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.loads(attributes["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"] == dead_arn, redrive
    assert attributes["VisibilityTimeout"] == "360", attributes
    policy = json.loads(attributes["Policy"])
    arn = attributes["QueueArn"]
    send = ("events.amazonaws.com", "sqs:SendMessage")
    for rule in ("UploadRule", "ScanRule"):
        ours = {"aws:SecureTransport": "true", "aws:SourceArn": made.arns[rule]}
        assert decides(policy, *send, arn, ours) == decides(policy, *send, dead_arn, ours) == "allow", policy
        other = {**ours, "aws:SourceArn": made.arns[rule] + "-of-somebody-else"}
        assert decides(policy, *send, arn, other) == "nothing", policy
        assert decides(policy, *send, arn, {**ours, "aws:SecureTransport": "false"}) == "deny", policy
    events = boto3.client("events")
    described = {one["Arn"]: json.loads(one["EventPattern"]) for one in events.list_rules()["Rules"]}
    assert described[made.arns["UploadRule"]]["detail"]["bucket"]["name"] == [made["Bucket"]], described
    assert described[made.arns["ScanRule"]]["detail"]["s3ObjectDetails"]["bucketName"] == [made["Bucket"]], described

    # An unprocessed message moves to the dead-letter queue after the number of attempts in the template.
    sqs.send_message(QueueUrl=queue, MessageBody="a file that cannot be recorded")
    for _ in range(int(redrive["maxReceiveCount"])):
        (message,) = sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0)["Messages"]
        assert message["Body"] == "a file that cannot be recorded"
    assert "Messages" not in sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0)
    assert len(sqs.receive_message(QueueUrl=dead)["Messages"]) == 1


def main():
    folder = Path(sys.argv[1])
    os.environ.update(AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none")
    plain = json.loads((folder / "default.json").read_text())
    with mock_aws():
        stack = boto3.client("cloudformation")
        stack.create_stack(StackName="slipway", TemplateBody=part(plain))
        made = Made(stack, plain)
        assert set(made.ids) == set(MADE), made.ids
        policies = {
            name: made.fill(plain["Resources"][name]["Properties"]["PolicyDocument"])
            for name in ("BucketPolicy", "QueuePolicy")
        }
        known = plain["Parameters"]
        seconds = (known["UploadUrlSeconds"]["Default"], known["ReadUrlSeconds"]["Default"])
        bucket = made.fill(plain["Resources"]["Bucket"]["Properties"])
        # A list in a parameter is one text to this CloudFormation.
        for rule in bucket["CorsConfiguration"]["CorsRules"]:
            rule["AllowedOrigins"] = rule["AllowedOrigins"].split(",")
        check_bucket(made, bucket, policies["BucketPolicy"], *seconds)
        scanned = json.loads((folder / "scanned.json").read_text())["Resources"]["BucketPolicy"]
        check_gate(made, policies["BucketPolicy"], made.fill(scanned["Properties"]["PolicyDocument"]))
        check_queues(made, policies["QueuePolicy"])
        print("made and used:", ", ".join(MADE + sorted(policies)))


main()
