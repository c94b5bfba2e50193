"""What watches the stack, in the translated template: the alarms, and the dashboard, whose body is a text to CloudFormation.

CloudWatch takes a misspelt metric, dimension or id without a word and shows nothing for ever after, so these are compared
with the metrics that are known to exist. That those of the code's own namespace are emitted, tests/it/template.rs says.
"""

import json
import re

OWN = "DeskHandoff"
# The metrics in use here, and what distinguishes them.
KNOWN = {
    "AWS/ApiGateway": ({"4xx", "5xx", "Count", "Latency"}, [("ApiId",)]),
    "AWS/Lambda": ({"Errors", "Throttles"}, [("FunctionName",)]),
    "AWS/SQS": (
        {"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesVisible"},
        [("QueueName",)],
    ),
    OWN: (None, [("Stack",), ("Stack", "Route")]),
}
NOTIFIED = {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}
FUNCTIONS = {"FILL", "IF"}
OPTIONS = {"expression", "id", "label", "stat", "visible"}


def problems(template):
    """What is wrong with the alarms and the dashboard, one line each."""
    found = [f"{name}: {problem}" for name, alarm in of_type(template, "Alarm") for problem in alarm_problems(name, alarm)]
    (_, dashboard), = of_type(template, "Dashboard")
    try:
        widgets = json.loads(text(dashboard["DashboardBody"]))["widgets"]
    except ValueError as error:
        return found + [f"Dashboard: the body is not JSON: {error}"]
    for widget in widgets:
        title = widget["properties"].get("title", "text")
        found += [f"Dashboard, {title}: {problem}" for problem in widget_problems(widget["properties"])]
    return found + unseen(template, widgets) + unknown_rollbacks(template)


def of_type(template, kind):
    resources = template["Resources"].items()
    return [(name, it["Properties"]) for name, it in resources if it["Type"] == f"AWS::CloudWatch::{kind}"]


def text(value):
    """A text that CloudFormation makes, with the names of what it puts in."""
    return re.sub(r"\$\{([^}]+)\}", r"<\1>", value["Fn::Sub"]) if isinstance(value, dict) else value


def kebab(name):
    return re.sub(r"(?<!^)([A-Z])", r"-\1", name).lower()


def alarm_problems(name, alarm):
    if alarm["AlarmName"] != {"Fn::Sub": f"${{AWS::StackName}}-{kebab(name)}"}:
        yield "is not called as it is documented"
    if not re.match(r"Severity [123]\. ", alarm["AlarmDescription"]):
        yield "does not begin with its severity"
    if not alarm["AlarmDescription"].endswith(f". See docs/operations.md#{kebab(name)}"):
        yield "does not end with where to read on"
    if alarm.get("AlarmActions") != NOTIFIED or alarm.get("OKActions") != NOTIFIED:
        yield "does not tell AlarmTopicArn, and nobody else, of its beginning and its end"
    queries = alarm.get("Metrics", [{"MetricStat": {"Metric": alarm}}])
    for metric in [query["MetricStat"]["Metric"] for query in queries if "MetricStat" in query]:
        dimensions = [dimension["Name"] for dimension in metric.get("Dimensions", [])]
        yield from metric_problems(text(metric["Namespace"]), metric["MetricName"], dimensions)
    yield from expression_problems([query.get("Expression") for query in queries], [query.get("Id") for query in queries])


def widget_problems(properties):
    above, options = [], []
    for entry in properties.get("metrics", []):
        above = repeated(entry, above) or above
        options.append(entry[-1] if isinstance(entry[-1], dict) else {})
        if "expression" not in options[-1]:
            namespace, metric, *dimensions = above
            yield from metric_problems(namespace, metric, dimensions[::2])
            if len(dimensions) % 2:
                yield f"{metric}: a dimension without a value"
    yield from (f"unknown option {name}" for option in options for name in option.keys() - OPTIONS)
    yield from expression_problems([it.get("expression") for it in options], [it.get("id") for it in options])


def repeated(entry, above):
    """The texts of an entry; a dot is what stands above it."""
    texts = [part for part in entry if isinstance(part, str)]
    return [above[at] if part == "." and at < len(above) else part for at, part in enumerate(texts)]


def metric_problems(namespace, metric, dimensions):
    if namespace == f"{OWN}/<AWS::StackName>":
        # What RequestsThrottledFilter counts.
        if (metric, dimensions) != ("RequestsThrottled", []):
            yield f"no filter counts {metric} by {dimensions}"
        return
    metrics, known = KNOWN.get(namespace, (set(), []))
    if metrics is not None and metric not in metrics:
        yield f"no metric {namespace} {metric}"
    if tuple(dimensions) not in known:
        yield f"{namespace} {metric} is not distinguished by {dimensions}"


def expression_problems(expressions, ids):
    named = [name for name in ids if name]
    if len(named) != len(set(named)):
        yield f"an id twice: {named}"
    used = {word for it in expressions if it for word in re.findall(r"[A-Za-z_]\w*", it)}
    yield from (f"no metric has the id {name}" for name in sorted(used - FUNCTIONS - set(named)))


def unseen(template, widgets):
    shown = {arn for widget in widgets for arn in widget["properties"].get("alarms", [])}
    alarms = {f"<{name}.Arn>" for name, _ in of_type(template, "Alarm")}
    return [f"Dashboard: {name} is an alarm in one place only" for name in sorted(alarms ^ shown)]


def unknown_rollbacks(template):
    """CodeDeploy asks for alarms by name, and one that does not exist stops every deployment."""
    known = [name for alarm, it in of_type(template, "Alarm") for name in ({"Ref": alarm}, it["AlarmName"])]
    groups = [it for it in template["Resources"].values() if it["Type"] == "AWS::CodeDeploy::DeploymentGroup"]
    names = [alarm["Name"] for group in groups for alarm in group["Properties"]["AlarmConfiguration"]["Alarms"]]
    return [f"no alarm is called {name}" for name in names if name not in known]
