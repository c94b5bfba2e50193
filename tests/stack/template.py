"""Makes of template.yaml the copy that the local AWS takes. docs/stack.md says of each change what checks the original instead.

Pure: nothing is read or written here.
"""

import copy

from samtranslator.yaml_helper import yaml_parse

# The code of each function: what `sam build` lays out.
FUNCTIONS = {"ApiFunction": "api", "WorkerFunction": "worker"}


def adapted(source, code, environment, base):
    """The copy, as what JSON can hold.

    `code` has the folder of each function's bootstrap, `environment` what both functions get beside their own settings, `base`
    is where the API answers.
    """
    template = copy.deepcopy(yaml_parse(source))
    resources = template["Resources"]
    for function, name in FUNCTIONS.items():
        properties = resources[function]["Properties"]
        properties["CodeUri"] = str(code[name])
        properties["Environment"]["Variables"].update(environment)
    leave_out_metric_math(resources)
    leave_out_queries(resources)
    speak_plain_http(resources)
    authorise_any_path(resources["WorkPolicy"])
    route_everything(resources)
    for output in template["Outputs"].values():
        value = output["Value"]
        if isinstance(value, dict) and "Fn::Sub" in value:
            value["Fn::Sub"] = value["Fn::Sub"].replace("${HttpApi.ApiEndpoint}", base)
    return template


def leave_out_metric_math(resources):
    """Alarms on an expression; the dashboard, which lists their ARNs, gets their names."""
    for name in [name for name, resource in resources.items() if "Metrics" in resource.get("Properties", {})]:
        del resources[name]
        for dashboard in resources.values():
            if dashboard["Type"] == "AWS::CloudWatch::Dashboard":
                body = dashboard["Properties"]["DashboardBody"]
                body["Fn::Sub"] = body["Fn::Sub"].replace(f"${{{name}.Arn}}", name)


def leave_out_queries(resources):
    """Saved queries of Logs Insights, which the local AWS does not have."""
    for name in [name for name, resource in resources.items() if resource["Type"] == "AWS::Logs::QueryDefinition"]:
        del resources[name]


def speak_plain_http(resources):
    """The policies refuse what is not TLS."""
    for name in [name for name, resource in resources.items() if resource["Type"] == "AWS::SQS::QueuePolicy"]:
        del resources[name]


def authorise_any_path(policy):
    """The local AWS does not see which path GetParametersByPath asks for."""
    for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
        if statement.get("Action") == "ssm:GetParametersByPath":
            statement["Resource"] = "*"


def route_everything(resources):
    """What the OpenAPI body of the API says, which the local AWS does not import."""
    resources["LocalIntegration"] = {
        "Type": "AWS::ApiGatewayV2::Integration",
        "Properties": {
            "ApiId": {"Ref": "HttpApi"},
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": {"Ref": "ApiFunction.Alias"},
            "PayloadFormatVersion": "2.0",
        },
    }
    resources["LocalRoute"] = {
        "Type": "AWS::ApiGatewayV2::Route",
        "Properties": {
            "ApiId": {"Ref": "HttpApi"},
            "RouteKey": "$default",
            "Target": {"Fn::Sub": "integrations/${LocalIntegration}"},
        },
    }
