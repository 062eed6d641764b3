"""Which options the reports of sigprof and of pprof are compared under, and where they are known to differ.

Regular expressions are chosen to match names that profiles of tests/corpus have. {base} is the file that a profile is
compared with, {corpus} the folder.
"""
import typing


class Combination(typing.NamedTuple):
    """Options as pprof has them, and what `peek` and `list` are asked for. `is_error`: both have to refuse them."""
    name: str
    options: list  # of "name" or "name=value"
    regex: str = "main"
    is_error: bool = False
    sources: tuple = ()  # files beside the profile


class Difference(typing.NamedTuple):
    """Where the two are not the same: shell patterns, and why. It has to be true of one case at least."""
    profile: str
    report: str
    combination: str
    why: str


REPORTS = ["top", "tree", "peek", "traces", "tags", "raw", "comments", "dot"]
WITH_FILES = ["list"]  # reports of files that a profile names, for FOR_ONE alone
FOCUS = "focus=leaf|recurse|mid|handler|in[12]|alloc|^f"

COMBINATIONS = [
    Combination("default", []),
    Combination("cum", ["cum"], "^f|leaf0|alloc"),
    Combination("nodecount", ["nodecount=5"], "."),
    Combination("cum_nodecount", ["cum", "nodecount=3"], "mid|in1|recurse"),
    Combination("focus", [FOCUS], "leaf|g$"),
    Combination("focus_relative", ["focus=leaf1|inlinedLoop|^g$|in1|get|alloc1", "relative_percentages"]),
    Combination("ignore_cum", ["ignore=leaf0|small|^h$|in3|gc|mallocgc", "cum"], "main"),
    Combination("ignore_relative", ["ignore=mid1|alloc5|handler|recurse", "relative_percentages", "nodecount=4"]),
    Combination("hide_unit", ["hide=mid|in2|handler|sort|lib", "unit=ms"], "leaf|in1|caller"),
    Combination("show_lines", ["show=leaf|main|^f|in|alloc", "lines"], "main"),
    Combination("show_from", ["show_from=mid|caller|handler|recurse|group", "cum", "filefunctions"], "mid|caller"),
    Combination("prune_from_files", ["prune_from=mid3|in2|inlinedLoop|handler|alloc_inner", "files"], "src"),
    Combination("prune_from_focus", ["prune_from=leaf2|small|in1|get", "focus=main", "flat"], "main|caller"),
    Combination("tagfocus_text", ["tagfocus=alice|T1|v0.*", "tagshow=user|thread|id|kind"], "get|f"),
    Combination("tagfocus_key", ["tagfocus=user=alice|bob", "tagshow=method|step"], "main"),
    Combination("tagfocus_several", ["tagfocus=alice,GET"], "get"),
    Combination("tagfocus_range", ["tagfocus=bytes=1kb:64kb", "taghide=request|^n$"], "alloc"),
    Combination("tagfocus_any_range", ["tagfocus=4096:", "relative_percentages", "cum"], "alloc|f"),
    Combination("tagfocus_time", ["tagfocus=:1s"], "unit|a"),
    Combination("tagignore", ["tagignore=GET|even|alice", "relative_percentages"], "post|f"),
    Combination("tagignore_range", ["tagignore=bytes=:1000b", "unit=kb", "cum"], "alloc"),
    Combination("tagshow_taghide", ["tagshow=.*", "taghide=bytes|method|pprof"], "main"),
    Combination("tagroot", ["tagroot=user,method,kind", "cum"], "alice|GET|even"),
    Combination("tagleaf", ["tagleaf=bytes,k", "unit=auto"], "kb|v|main"),
    Combination("tagroot_tagleaf_focus", ["tagroot=thread,step", "tagleaf=delay,user", "focus=main|alice", "lines"],
                "T1|ms|1"),
    Combination("first_index", ["sample_index=0"], "main"),
    Combination("index_by_name", ["sample_index=samples", "nodecount=7"], "leaf"),
    Combination("mean", ["sample_index=1", "mean"], "leaf|main"),
    Combination("mean_cum_focus", ["mean", "cum", FOCUS, "unit=us"], "main"),
    Combination("fractions", ["nodefraction=0.1", "edgefraction=0.3"], "main|mid"),
    Combination("no_fractions", ["nodefraction=0", "edgefraction=0", "nodecount=1000"], "leaf00|wrapper0"),
    Combination("fractions_cum_lines", ["nodefraction=0.02", "edgefraction=0.02", "cum", "lines"], "main"),
    Combination("addresses", ["addresses"], "main"),
    Combination("addresses_noinlines", ["addresses", "noinlines", "cum"], "main|caller"),
    Combination("lines_noinlines", ["lines", "noinlines", "nodecount=20"], "caller|main"),
    Combination("functions_noinlines", ["functions", "noinlines", "cum", "focus=in1|small|mid"], "caller|main"),
    Combination("filefunctions_hide", ["filefunctions", "hide=^main$|runtime", "nodefraction=0.01"], "init|f"),
    Combination("files_cum", ["files", "cum", "edgefraction=0.05"], "src|sort"),
    Combination("divide_by", ["divide_by=2", "unit=seconds"], "main"),
    Combination("divide_by_less", ["divide_by=0.5", "unit=kb", "cum"], "main|alloc"),
    Combination("divide_by_odd", ["divide_by=3", "unit=auto", "mean"], "main"),
    Combination("unit_auto", ["unit=auto", "nodecount=30"], "main"),
    Combination("unit_unknown", ["unit=parsecs"], "f"),
    Combination("drop_negative", ["drop_negative", "cum"], "f|main"),
    Combination("trim_path", ["trim_path=/src/deep", "source_path=/build", "files"], "init|dir"),
    Combination("trim_path_lines", ["trim_path=/src:/usr/local/go", "lines", "focus=main"], "main"),
    Combination("base", ["base={base}"], "main|f"),
    Combination("base_drop_negative", ["base={base}", "drop_negative", "nodecount=10"], "main|f"),
    Combination("base_normalize", ["base={base}", "normalize", "relative_percentages"], "main"),
    Combination("diff_base", ["diff_base={base}", "cum"], "main|f"),
    Combination("diff_base_normalize", ["diff_base={base}", "normalize", "nodecount=10", "lines"], "main|g"),
    Combination("diff_base_focus", ["diff_base={base}", FOCUS, "tagignore=bob", "mean"], "f|leaf"),
    Combination("re2_flags", ["focus=(?i)MAIN", r"hide=^\pL+\d\z", r"ignore=\Q$\E|(?P<all>mid[[:digit:]])"],
                r"(?i)^M\w+"),
    Combination("re2_more", [r"show=(?U)m.*n|[^\x00-\x7f]+|(?s:l.*)", r"tagshow=\A[a-z]{2,}\b"], r"[[:alpha:]_]+$"),
    Combination("all_filters", [FOCUS, "ignore=leaf3[0-9]|in4", "hide=mid2", "show=leaf|mid|main|f|in", "show_from=ma",
                                "tagignore=carol", "cum"], "leaf|f"),
    Combination("no_match", ["focus=no_such_name", "tagfocus=no_such_tag", "hide=no_such_one"], "no_such_name"),
    Combination("empty_values", ["focus=", "tagfocus=", "unit=", "sample_index="], "main"),
    Combination("compact", ["compact_labels", "call_tree=false", "trim=true"], "main"),
    Combination("no_trim", ["trim=false", "nodecount=2"], "main"),
    Combination("call_tree", ["call_tree", "focus=main"], "main"),
    Combination("showcolumns", ["showcolumns", "lines"], "main|f"),
    Combination("false_flags", ["cum=false", "noinlines=false", "relative_percentages=false"], "main"),
]

ERRORS = [
    Combination("bad_focus", ["focus=("], is_error=True),
    Combination("bad_tagfocus", ["tagfocus=a[,b"], is_error=True),
    Combination("bad_tagshow", ["tagshow=*"], is_error=True),
    Combination("bad_peek", [], "x{2,1}", is_error=True),
    Combination("bad_index", ["sample_index=99"], is_error=True),
    Combination("bad_index_name", ["sample_index=no_such_type"], is_error=True),
    Combination("bad_index_negative", ["sample_index=-1"], is_error=True),
    Combination("zero_divisor", ["divide_by=0"], is_error=True),
    Combination("bad_number", ["nodecount=many"], is_error=True),
    Combination("bad_fraction", ["nodefraction=x"], is_error=True),
    Combination("bad_flag", ["mean=perhaps"], is_error=True),
    Combination("two_orders", ["cum", "flat"], is_error=True),
    Combination("two_granularities", ["lines", "files"], is_error=True),
    Combination("two_bases", ["base={base}", "diff_base={base}"], is_error=True),
    Combination("normalize_alone", ["normalize"], is_error=True),
    Combination("no_base", ["base={corpus}/no_such_file"], is_error=True),
    Combination("unknown_option", ["no_such_option=1"], is_error=True),
]

FILES = [  # several, which are added up
    Combination("sum_two", [], sources=("{base}",)),
    Combination("sum_three", ["cum", "lines"], sources=("{base}", "{base}")),
    Combination("sum_base", ["base={base}", "nodecount=10"], sources=("{base}",)),
    Combination("sum_focus", [FOCUS, "sample_index=0", "nodefraction=0"], sources=("{base}",)),
    Combination("sum_diff_bases", ["diff_base={base}", "diff_base={corpus}/plain.pb", "normalize"],
                sources=("{corpus}/wide.pb",)),
]
COMBINATIONS += FILES

# Of one profile each: (report, combination).
C_LIST, GO_LIST = "spin|divide|recurse", r"main\.(recurse|inlinedLoop|insert|hold)"
GO_RUNTIME = "^sort.insertion|mallocgc$"
FOR_ONE = {
    "units": [("top", Combination(f"unit_{i}_{unit}", [f"sample_index=t{i}", f"unit={unit}"]))
              for i in range(24) for unit in ("", "minimum", "auto", "ms", "mb")],
    "filtered_names": [(report, Combination(f"names_{at}", [option])) for report in ("top", "traces") for at, option in
                       enumerate(["focus=int", "ignore=int", "show=<|h$", "hide=::[gh]$", "show_from=int|ns",
                                  "prune_from=[(]", "focus=ns::g"])],
    "sigprof_c": [("list", combo) for combo in [
        Combination("list", [], C_LIST),
        Combination("list_focus", ["focus=divide", "unit=ms", "relative_percentages"], C_LIST),
        Combination("list_noinlines", ["noinlines", "ignore=spin"], C_LIST),
        Combination("list_inlined", ["nodecount=1", "divide_by=3"], "mix"),
        Combination("list_file", [], r"inlines\.c"),
        Combination("list_base", ["diff_base={base}", "cum"], C_LIST),
        Combination("list_files", ["sample_index=0"], C_LIST, sources=("{base}",)),
        Combination("list_trim", ["source_path=/nowhere", "trim_path=/"], "spin"),
        Combination("list_nothing", ["focus=spin"], "no_such_function"),
        Combination("list_lines", ["lines", "tagfocus=no_such"], "spin"),
        Combination("list_mean", ["mean", "lines"], "spin"),
        Combination("list_bad", [], "(", is_error=True)]],
    "go_cpu": [("list", combo) for combo in [
        Combination("list", [], GO_LIST),
        Combination("list_runtime", ["unit=ms"], GO_RUNTIME),
        Combination("list_hide", ["hide=small|runtime", "noinlines"], GO_LIST),
        Combination("list_tags", ["tagignore=.*", "prune_from=recurse"], "main")]],
    "go_allocs": [("list", Combination("list_heap", ["sample_index=alloc_space", "unit=kb"], GO_LIST)),
                  ("list", Combination("list_objects", ["sample_index=alloc_objects"], "main"))],
}

# Of what pprof prints. Each is in docs/pprof.md with its reason.
SATURATED = "sums that are too large for 64 bits stay at the limit; pprof's become negative"
KNOWN = [
    Difference("huge_values", "*", "*", SATURATED),
    Difference("overflow", "*", "*", SATURATED),
    Difference("*", "dot", "call_tree", "it is refused: speedscope shows trees"),
] + [
    Difference(profile, "*", "sum_*", "pprof takes the first file for the program: a binary CPU profile begins as PE "
               "objects of an unknown machine do") for profile in ("legacy_*", "gperf")
]

# Older versions of Go's pprof: the combinations that `top` is compared under, and profiles that it shows otherwise.
FOLLOWED = (1, 26)
OLDER = ("default", "cum", "nodecount", "cum_nodecount")
OLDER_KNOWN = [Difference("doc_url", "top", "*", "1.19 has no line Doc"),
               Difference("same_type_twice", "top", "*", "1.19 shows sample types of one name")]

# Where pprof's own answer changes from run to run, by the order of Go's maps. Not used where it does not.
UNSTABLE = [Difference("*", report, "*", "nodes and edges of one weight and one printed name stand in any order, and "
                       "so do edges of opposite weights") for report in ("top", "tree", "peek", "dot")]
