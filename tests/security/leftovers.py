"""What can be left on a machine: processes, mounts, control groups, files, objects of System V."""
import dataclasses
import os
import pathlib


def fields(pid):
    """Of /proc/PID/stat, from the state on; none when it has ended."""
    try:
        found = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    except OSError:
        return []
    return [] if found[0] == "Z" else found


def alive(pid):
    return bool(fields(pid))


def born(pid):
    """When it was started: another process may have got the number since. None when it has ended."""
    return next(iter(fields(pid)[19:]), None)


def about(pid):
    try:
        return f"{pid}: " + open(f"/proc/{pid}/cmdline").read().replace("\0", " ")[:200]
    except OSError:
        return str(pid)


def called(comm):
    """The processes with this name."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if open(f"/proc/{pid}/comm").read().strip() == comm and alive(pid):
                found.append(int(pid))
        except OSError:
            pass
    return found


def descriptors(pid):
    """Number -> where it leads."""
    found = {}
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            found[number] = os.readlink(f"/proc/{pid}/fd/{number}")
    except OSError:
        pass
    return found


def belonging(mark):
    """Processes that carry a mark of a server's in their environment."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if mark.encode() in open(f"/proc/{pid}/environ", "rb").read() and int(pid) != os.getpid() and alive(pid):
                found.append(int(pid))
        except OSError:
            pass
    return found


def groups():
    """Control groups of trivet's without a process in them: those of servers that run have some."""
    found = set()
    for folder, names, _ in os.walk("/sys/fs/cgroup"):  # which does not mind what goes in the meantime
        for name in [name for name in names if name.startswith("trivet.")]:
            path = os.path.join(folder, name)
            if not any(members(inner) for inner, _, _ in os.walk(path)):
                found.add(path)
    return {path for path in found if os.path.isdir(path)}


def members(group):
    try:
        return open(os.path.join(group, "cgroup.procs")).read()
    except OSError:
        return ""


@dataclasses.dataclass
class Seen:
    mounts: set
    groups: set
    objects: set
    files: set

    def after(self, before, at):
        """What was not there before the server of this range, as sentences."""
        left = [f"mount: {line}" for line in self.mounts - before.mounts if "trivet" in line or str(at.root) in line]
        left += [f"control group: {path}" for path in self.groups - before.groups if path.endswith(f"/trivet.{at.launcher}")]  # others end theirs when they like
        left += [f"System V: {line}" for line in self.objects - before.objects]
        left += [f"file: {path}" for path in self.files - before.files]
        if at.server.process.poll() is not None:
            left += [f"process: {pid}" for pid in belonging(at.server_mark)]
        return left


def seen():
    mounts = {line.split(" ", 2)[2] for line in open("/proc/self/mountinfo")}
    objects = {line for kind in ("shm", "sem", "msg") if os.path.exists(f"/proc/sysvipc/{kind}") for line in open(f"/proc/sysvipc/{kind}").readlines()[1:]}
    files = {str(path) for folder in ("/tmp", "/dev/shm", "/usr", "/etc", "/") for path in pathlib.Path(folder).glob("*")
             if path.name.startswith(("hostile", "fill-", "inode-"))}
    return Seen(mounts, groups(), objects, files)
