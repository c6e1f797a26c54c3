"""Resolves the template as CloudFormation does first: the SAM transform, then every condition.

usage: transform.py TEMPLATE CASES FOLDER

CASES is JSON, {"name of a case": {"Parameter": "value"}}. For each case FOLDER/NAME.json becomes a plain template without
conditions: what would be deployed. Plain linting misses what only shows there, such as circular references. FOLDER/../whole.json
is the template after the SAM transform alone, with its conditions and intrinsic functions: what CloudFormation reads.
A case with {"refused": "a sentence"} is one that the template's own rules must refuse with that sentence, and one with
{"invalid": "Parameter"} is one that the constraints of that parameter must refuse.
"""

import json
import logging
import os
import re
import sys
from pathlib import Path

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

# The transform needs a region; it sends no request.
os.environ["AWS_DEFAULT_REGION"] = "eu-central-1"

# Disables its messages about metrics that it did not send.
logging.disable(logging.WARNING)

NOTHING = object()

# Parameters without a default.
REQUIRED = {
    "DatabaseUrlSecretArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:slipway-a1b2c3",
    "AllowedOrigins": "https://app.example.com",
}


class NoManagedPolicies:
    """The template names no managed policy of AWS, so their list is not requested."""

    def load(self):
        return {}


class Decided:
    """A template for given parameters."""

    def __init__(self, template, given):
        self.template = template
        self.values = {"AWS::Region": "eu-central-1", "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com"}
        for name, parameter in template["Parameters"].items():
            value = given.get(name, parameter.get("Default"))
            if value is None:
                raise SystemExit(f"{name} has no default and is not given")
            if parameter["Type"] == "CommaDelimitedList":
                value = value.split(",")
            self.values[name] = value if isinstance(value, list) else str(value)
        self.known = {}

    def condition(self, name):
        if name not in self.known:
            self.known[name] = self.test(self.template["Conditions"][name])
        return self.known[name]

    def test(self, node):
        ((kind, argument),) = node.items()
        if kind == "Condition":
            return self.condition(argument)
        if kind == "Fn::Equals":
            left, right = (self.value(side) for side in argument)
            return str(left) == str(right)
        if kind == "Fn::Not":
            return not self.test(argument[0])
        if kind == "Fn::And":
            return all([self.test(part) for part in argument])
        if kind == "Fn::Or":
            return any([self.test(part) for part in argument])
        if kind == "Fn::Contains":
            return self.value(argument[1]) in self.value(argument[0])
        if kind == "Fn::EachMemberEquals":
            return all(member == argument[1] for member in self.value(argument[0]))
        raise SystemExit(f"a condition by {kind} is not understood")

    def value(self, node):
        """The value of an expression in a condition."""
        if not isinstance(node, dict):
            return node
        ((kind, argument),) = node.items()
        if kind == "Ref":
            return self.values[argument]
        if kind == "Fn::Join":
            glue, parts = argument
            return glue.join(self.value(parts))
        raise SystemExit(f"{kind} in a condition is not understood")

    def prune(self, node):
        if isinstance(node, list):
            kept = [self.prune(part) for part in node]
            return [part for part in kept if part is not NOTHING]
        if not isinstance(node, dict):
            return node
        if set(node) == {"Fn::If"}:
            name, yes, no = node["Fn::If"]
            return self.prune(yes if self.condition(name) else no)
        if node == {"Ref": "AWS::NoValue"}:
            return NOTHING
        kept = {name: self.prune(part) for name, part in node.items()}
        return {name: part for name, part in kept.items() if part is not NOTHING}

    def entries(self, section):
        made = {}
        for name, entry in self.template.get(section, {}).items():
            if "Condition" in entry and not self.condition(entry["Condition"]):
                continue
            entry = {key: part for key, part in entry.items() if key != "Condition"}
            made[name] = self.prune(entry)
        return made

    def invalid(self):
        """The parameters whose values violate their constraints, as CloudFormation checks them first."""
        found = []
        for name, parameter in self.template["Parameters"].items():
            value = self.values[name]
            pattern = re.compile(parameter.get("AllowedPattern", ""))
            allowed = [str(one) for one in parameter.get("AllowedValues", [])]
            if isinstance(value, list):
                valid = all(pattern.search(one) for one in value)
            elif parameter["Type"] == "Number":
                number = int(value)
                valid = parameter.get("MinValue", number) <= number <= parameter.get("MaxValue", number)
            else:
                valid = pattern.search(value) and len(value) <= parameter.get("MaxLength", len(value))
            if not valid or (allowed and value not in allowed):
                found.append(name)
        return found

    def rules(self):
        """The descriptions of the violated Rules."""
        refused = []
        for rule in self.template.get("Rules", {}).values():
            if "RuleCondition" in rule and not self.test(rule["RuleCondition"]):
                continue
            refused += [one["AssertDescription"] for one in rule["Assertions"] if not self.test(one["Assert"])]
        return refused

    def plain(self):
        kept = {name: part for name, part in self.template.items() if name not in ("Conditions", "Rules", "Metadata")}
        resources = self.entries("Resources")
        for resource in resources.values():
            depends = resource.get("DependsOn", [])
            depends = [depends] if isinstance(depends, str) else depends
            # CloudFormation drops dependencies on resources that a condition leaves out.
            resource["DependsOn"] = [name for name in depends if name in resources]
        parameters = {}
        for name, parameter in self.template["Parameters"].items():
            given = self.values[name]
            given = ",".join(given) if isinstance(given, list) else given
            given = int(given) if parameter["Type"] == "Number" else given
            parameters[name] = {**parameter, "Default": given}
        return {**kept, "Parameters": parameters, "Resources": resources, "Outputs": self.entries("Outputs")}


def main():
    template, cases, folder = sys.argv[1:]
    folder = Path(folder)
    for name, given in json.loads(Path(cases).read_text()).items():
        given = {**REQUIRED, **given}
        source = yaml_parse(Path(template).read_text())
        refused, invalid = given.pop("refused", None), given.pop("invalid", None)
        # A place in S3: CloudFormation does not accept a local path.
        for resource in source["Resources"].values():
            properties = resource.get("Properties", {})
            for key in ("CodeUri", "ContentUri"):
                if key in properties:
                    properties[key] = "s3://bucket/key"
        unknown = set(given) - set(source["Parameters"])
        if unknown:
            raise SystemExit(f"{name}: the template has no parameter {unknown}")
        decided = Decided(source, given)
        if (found := decided.invalid()) != ([invalid] if invalid else []):
            raise SystemExit(f"{name}: the constraints refuse {found}, and not {invalid}")
        if invalid:
            continue
        if (found := decided.rules()) != ([refused] if refused else []):
            raise SystemExit(f"{name}: the rules refuse {found}, and not {refused}")
        if refused:
            continue
        values = {key: value if isinstance(value, str) else ",".join(value) for key, value in decided.values.items()}
        decided.template = transform(source, values, NoManagedPolicies())
        if name == "default":
            (folder.parent / "whole.json").write_text(json.dumps(decided.template, indent=1))
        (folder / f"{name}.json").write_text(json.dumps(decided.plain(), indent=1))


if __name__ == "__main__":
    main()
