"""Prints what an offline run of W&B holds, read by wandb's own reader, as JSON: {"project", "name", "config", "history": {step: {name: value}}}.

read_wandb.py FILE.wandb
"""

import json
import sys

from wandb.proto import wandb_internal_pb2
from wandb.sdk.internal.datastore import DataStore

store = DataStore()
store.open_for_scan(sys.argv[1])
content = {"config": {}, "history": {}}
while (data := store.scan_data()) is not None:
    record = wandb_internal_pb2.Record()
    record.ParseFromString(data)
    kind = record.WhichOneof("record_type")
    if kind == "run":
        content |= {"project": record.run.project, "name": record.run.display_name}
        content["config"] |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
    if kind == "history":
        figures = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        content["history"][figures.pop("_step", record.history.step.num)] = {
            name: value for name, value in figures.items() if not name.startswith("_")}
print(json.dumps(content))
