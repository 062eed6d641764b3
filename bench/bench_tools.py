"""What the benchmarks share: medians, plain tables, and a line about the machine."""
import os
import platform


def quantile(values, share):
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def median(values):
    return quantile(values, 0.5)


def quartiles(values, form="%.4f"):
    return "%s (%s to %s)" % tuple(form % quantile(values, share) for share in (0.5, 0.25, 0.75))


def print_table(head, rows):
    """Right-aligned columns, the first left-aligned."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    for row in cells:
        print("  ".join(cell.rjust(width) if i else cell.ljust(width)
                        for i, (cell, width) in enumerate(zip(row, widths))).rstrip())


def cpu_model():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
        for line in lines:
            if line.startswith(("model name", "CPU part")):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def print_machine():
    """Figures without the machine they are of mean nothing; the load tells whether it was idle."""
    print(f"machine: {os.cpu_count()} × {cpu_model()}, Linux {platform.release().split('-')[0]}, "
          f"load {os.getloadavg()[0]:.2f} at the start")


def program(name):
    path = os.path.join(os.environ["BUILD"], "bench", name)
    if not os.access(path, os.X_OK):
        raise SystemExit(f"{name}: not built; script/bench builds it")
    return path
