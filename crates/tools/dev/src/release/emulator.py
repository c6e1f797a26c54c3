"""An emulator of AWS for the deployment from an archive: moto's server, with what CloudFormation does to a SAM template.

usage: emulator.py PORT REPORT

moto does not know the SAM transform and Rules, and looks for the template of a change set at a virtual host that does not
exist here. Both are added below. Resources that moto cannot create are left out, with those that refer to them. REPORT gets
a line for each, with the reason.
"""

import json
import logging
import re
import sys
import warnings
from pathlib import Path
from urllib.parse import unquote, urlparse

from moto.cloudformation import parsing, responses
from moto.cloudformation.models import CloudFormationBackend
from moto.s3.models import s3_backends
from moto.server import main as serve
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform
from transform import Decided, NoManagedPolicies

logging.disable(logging.WARNING)
warnings.simplefilter("ignore")

# Types that would start a function in Docker. The rehearsal starts the functions from the archive instead.
STARTS = ["AWS::Lambda::EventSourceMapping", "Custom::SlipwayMigration"]


def references(node):
    """The logical ids to which a part of a template refers."""
    if isinstance(node, list):
        return {name for one in node for name in references(one)}
    if not isinstance(node, dict):
        return set()
    found = set()
    for key, value in node.items():
        if key == "Ref":
            found.add(value)
        elif key == "Fn::GetAtt":
            found.add(value[0] if isinstance(value, list) else value.split(".")[0])
        elif key == "Fn::Sub":
            text = value[0] if isinstance(value, list) else value
            found |= {name.split(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text)} | references(value)
        else:
            found |= references(value)
    return found


def supported(resources):
    """The resources that moto can create, and {name: reason} of the others."""
    kinds = {name: one["Type"] for name, one in resources.items()}
    left = {name: "not supported" for name, kind in kinds.items() if not parsing.resource_class_from_type(kind)}
    left |= {name: "would start a function" for name, kind in kinds.items() if kind in STARTS}
    while True:
        kept = {name: one for name, one in resources.items() if name not in left}
        more = {name: references(one) & set(left) for name, one in kept.items()}
        more = {name: f"refers to {', '.join(sorted(others))}" for name, others in more.items() if others}
        if not more:
            return kept, left
        left |= more


def template(text, parameters, report):
    """What CloudFormation makes of the template, as far as moto supports it."""
    source = yaml_parse(text)
    decided = Decided(source, parameters)
    if refused := decided.invalid() + decided.rules():
        raise SystemExit(f"CloudFormation would refuse {refused}")
    values = {key: value if isinstance(value, str) else ",".join(value) for key, value in decided.values.items()}
    decided.template = transform(source, values, NoManagedPolicies())
    plain = decided.plain()
    kept, left = supported(plain["Resources"])
    report.write_text(json.dumps({"made": sorted(kept), "left": left}, indent=1))
    for resource in kept.values():
        resource["DependsOn"] = [name for name in resource["DependsOn"] if name in kept]
    return json.dumps({**plain, "Resources": kept, "Outputs": {}})


def main():
    port, report = sys.argv[1:]
    create = CloudFormationBackend.create_change_set

    def of_bucket(template_url, account_id, partition):
        bucket, key = unquote(urlparse(template_url).path).lstrip("/").split("/", 1)
        return s3_backends[account_id][partition].get_object(bucket, key).value.decode()

    def transformed(self, **given):
        given["template"] = template(given["template"], given["parameters"], Path(report))
        return create(self, **given)

    responses.get_stack_from_s3_url = of_bucket
    CloudFormationBackend.create_change_set = transformed
    serve(["--host", "127.0.0.1", "--port", port])


main()
