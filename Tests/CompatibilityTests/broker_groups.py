"""The broker groups of a scenario's cluster: topics on some of them, and who is master."""

import json
import os
import subprocess

from scenario import unique, wait_until


def topic_on(*groups):
    topic = unique("On_" + "_and_".join(group[-1] for group in groups))
    for group in groups:
        subprocess.run(
            [os.environ["APUS"], "topic", "create", topic, "--queues", "4", "--broker", group],
            check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=30,
        )
    return topic


def nodes():
    words = [os.environ["APUS_LAUNCH"], "status", "--json", "--name", os.environ["APUS_CLUSTER"]]
    shown = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=30)
    return {node["name"]: node for node in json.loads(shown.stdout)["nodes"]}


def master_of(group):
    masters = [
        node for name, node in nodes().items()
        if name.startswith(group) and node["role"] == "master" and node["state"] == "running"
    ]
    return masters[0] if len(masters) == 1 else None


def wait_for_master(group):
    found = []
    wait_until(lambda: found.append(master_of(group)) or found[-1], 20, f"{group} has one master")
    return found[-1]
