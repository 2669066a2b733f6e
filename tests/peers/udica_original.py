# Runs the original udica, from its checkout, on every case of a folder, with stand-ins for SELinux's Python bindings that read text files.
# udica_original.py CHECKOUT CASES     each case: args.json; written: status, out, and whatever udica writes

import contextlib
import io
import json
import os
import re
import sys
import types

checkout, cases = sys.argv[1], sys.argv[2]
files = "/etc/selinux/toy/contexts/files/file_contexts"


def contexts(path):
    found = []
    with open(path) as lines:
        for line in lines:
            words = line.split()
            if words and not line.startswith("#"):
                found.append((words[0], None if words[-1] == "<<none>>" else words[-1]))
    return found


policy, local, homes = contexts(files), contexts(files + ".local"), contexts(files + ".homedirs")
with open(files + ".subs_dist") as lines:
    substitutions = [line.split() for line in lines if line.strip()]
with open("/etc/selinux/ports.json") as text:
    ports = json.load(text)


def lookup(handle, path, mode):
    for begin, instead in substitutions:
        if path == begin or path.startswith(begin + "/"):
            path = instead + path[len(begin):]
            break
    everything = policy + homes + local
    literal = [entry for entry in everything if not re.search(r"[.^$?*+|\[({]", re.sub(r"\\.", "", entry[0]))]
    for entry in reversed(literal):
        if re.sub(r"\\(.)", r"\1", entry[0]) == path:
            return answer(entry)
    for entry in reversed([entry for entry in everything if entry not in literal]):
        if re.fullmatch(entry[0], path):
            return answer(entry)
    raise FileNotFoundError(path)


def answer(entry):
    if entry[1] is None:
        raise FileNotFoundError(entry[0])
    return 0, entry[1]


def getfilecon(path):
    try:
        return 0, os.getxattr(path, "security.selinux").decode().rstrip("\0")
    except OSError:
        raise FileNotFoundError(path)


semanage = types.ModuleType("semanage")
semanage.semanage_handle_create = lambda: None
semanage.semanage_connect = lambda handle: 0
semanage.semanage_fcontext_list = lambda handle: (0, policy)
semanage.semanage_fcontext_list_local = lambda handle: (0, local)
semanage.semanage_fcontext_list_homedirs = lambda handle: (0, homes)
semanage.semanage_fcontext_get_expr = lambda entry: entry[0]
semanage.semanage_fcontext_get_con = lambda entry: entry[1]
semanage.semanage_context_get_type = lambda context: context.split(":")[2]
semanage.semanage_port_list = lambda handle: (0, ports["policy"])
semanage.semanage_port_list_local = lambda handle: (0, ports["local"])
semanage.semanage_port_get_con = lambda port: "u:r:" + port["type"] + ":s0"
semanage.semanage_port_get_proto = lambda port: port["protocol"]
semanage.semanage_port_get_proto_str = lambda protocol: protocol
semanage.semanage_port_get_low = lambda port: port["low"]
semanage.semanage_port_get_high = lambda port: port["high"]
selinux = types.ModuleType("selinux")
selinux.SELABEL_CTX_FILE = 0
selinux.selabel_open = lambda *words: None
selinux.selabel_lookup = lookup
selinux.getfilecon = getfilecon
sys.modules["semanage"], sys.modules["selinux"] = semanage, selinux
sys.path.insert(0, checkout)

os.chdir(os.path.join(cases, "0"))
import udica.__main__ as program
import udica.policy

udica.policy.TEMPLATE_PLAYBOOK = os.path.join(checkout, "udica/ansible/deploy-module.yml")
for name in sorted(os.listdir(cases), key=int):
    os.chdir(os.path.join(cases, name))
    with open("args.json") as text:
        sys.argv = ["udica"] + json.load(text)
    udica.policy.templates_to_load = []
    said, status = io.StringIO(), 0
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
        try:
            program.main()
        except SystemExit as end:
            status = end.code or 0
        except Exception:
            status = 1
    with open("out", "w") as out:
        out.write(said.getvalue())
    with open("status", "w") as out:
        out.write(str(status))
