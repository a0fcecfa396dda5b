"""A program that tells what it is: what was forked has to tell what one tells that was started."""

LOOKS = """
    import gc, json, locale, os, resource, signal, stat, sys, threading, time

    def status(pid, *names):
        with open(f"/proc/{pid}/status") as file:
            told = dict(line.split(":\\t", 1) for line in file if ":\\t" in line)
        return {name: told[name].strip() for name in names}

    with open("/proc/self/cmdline") as file:
        command = file.read().split("\\0")[:3]
    print(json.dumps({
        "command": command,
        "arguments": sys.argv,
        "environment": dict(os.environ),
        "descriptors": [(each, stat.S_IFMT(os.fstat(int(each)).st_mode)) for each in os.listdir("/proc/self/fd")
                        if os.path.exists(f"/proc/self/fd/{each}")],
        "directory": os.getcwd(),
        "session": [os.getsid(0) == os.getsid(os.getppid()), os.getpgid(0) == os.getpgid(os.getppid()), os.getpid()],
        "signals": {each.name: str(signal.getsignal(each)).split(" at ")[0] for each in signal.valid_signals() if each in
                    {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD, signal.SIGXFSZ}},
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "limits": {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")},
        "nice": [os.nice(0), os.sched_getscheduler(0), open("/proc/self/oom_score_adj").read()],
        "status": status("self", "Name", "Umask", "Uid", "Gid", "Groups", "Threads", "NoNewPrivs", "Seccomp", "CapInh",
                         "CapPrm", "CapEff", "CapBnd", "CapAmb", "SigBlk", "SigIgn", "SigCgt"),
        "first": status(1, "Name", "Umask", "Uid", "Threads", "NoNewPrivs", "CapPrm", "CapEff", "CapBnd", "SigBlk", "SigIgn"),
        "clock": [time.tzname, locale.setlocale(locale.LC_ALL), sys.getfilesystemencoding(), sys.stdout.encoding],
        "python": [str(sys.flags), sys.path, sys.executable, gc.isenabled(), gc.get_threshold(), threading.active_count()],
        "main": [sys.modules["__main__"].__dict__ is globals(), __name__],
    }), flush=True)
"""
