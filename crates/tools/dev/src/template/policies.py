"""Lints every IAM policy of plain templates, and of further templates, with parliament.

usage: policies.py FOLDER TEMPLATE…

References are replaced by values of the same form, because parliament reads policies as IAM gets them.
"""

import json
import re
import sys
from pathlib import Path

from parliament import analyze_policy_string
from samcli.yamlhelper import yaml_parse

ACCOUNT = {"AWS::Partition": "aws", "AWS::Region": "eu-central-1", "AWS::AccountId": "123456789012", "AWS::URLSuffix": "amazonaws.com"}

# Findings that are wrong or intended, by the logical id that has them, each with its reason.
KNOWN = {
    # EC2 supports no narrower resource, and the code of the functions is denied.
    ("NetworkPolicy", "RESOURCE_STAR"),
    # A key that Lambda sets for EC2, documented in its developer guide.
    ("NetworkPolicy", "UNKNOWN_CONDITION_FOR_ACTION"),
    # The transforms of AWS have the account `aws`.
    ("DeployRole", "INVALID_ARN"),
    # Who deploys the buckets sets their policies.
    ("StackRole", "RESOURCE_POLICY_PRIVILEGE_ESCALATION"),
    # X-Ray supports no narrower resource.
    ("TracePolicy", "RESOURCE_STAR"),
}

ARNS = {
    "AWS::IAM::Role": "arn:aws:iam::123456789012:role/slipway-role",
    "AWS::KMS::Key": "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555",
    "AWS::Logs::LogGroup": "arn:aws:logs:eu-central-1:123456789012:log-group:/slipway/one:*",
    "AWS::S3::Bucket": "arn:aws:s3:::slipway-bucket",
    "AWS::SQS::Queue": "arn:aws:sqs:eu-central-1:123456789012:slipway-queue",
}


class Filled:
    def __init__(self, template):
        self.parameters = {name: one.get("Default", "x") for name, one in template["Parameters"].items()}
        self.resources = template["Resources"]

    def name(self, name):
        if name in ACCOUNT:
            return ACCOUNT[name]
        if name in self.parameters:
            return str(self.parameters[name])
        if name.endswith(".Arn"):
            return ARNS[self.resources[name.removesuffix(".Arn")]["Type"]]
        return f"slipway-{name.lower().replace('::', '-')}"

    def fill(self, node):
        if isinstance(node, list):
            return [self.fill(one) for one in node]
        if not isinstance(node, dict):
            return node
        if set(node) == {"Ref"}:
            return self.name(node["Ref"])
        if set(node) == {"Fn::GetAtt"}:
            return self.name(node["Fn::GetAtt"] if isinstance(node["Fn::GetAtt"], str) else ".".join(node["Fn::GetAtt"]))
        if set(node) == {"Fn::Sub"}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: self.name(found[1]), node["Fn::Sub"])
        return {key: self.fill(one) for key, one in node.items()}


def policies(template):
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            yield name, properties["PolicyDocument"]
        for policy in properties.get("Policies", []) if resource["Type"] == "AWS::IAM::Role" else []:
            yield name, policy["PolicyDocument"]


def main():
    checked, found = set(), set()
    folder, *further = map(Path, sys.argv[1:])
    for path in [*sorted(folder.glob("*.json")), *further]:
        template = yaml_parse(path.read_text())
        filled = Filled(template)
        for name, document in policies(template):
            text = json.dumps(filled.fill(document))
            if (name, text) in checked:
                continue
            checked.add((name, text))
            for finding in analyze_policy_string(text).findings:
                if (name, finding.issue) not in KNOWN:
                    found.add(f"{name} ({path.stem}): {finding.issue} {finding.detail} {finding.location}")
    if found or not checked:
        raise SystemExit("\n".join(sorted(found)) or "no policy was found")
    print(f"parliament passed on {len(checked)} policies")


main()
