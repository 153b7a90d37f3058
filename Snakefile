include: "workflow/Snakefile"


# an include brings no default target: name it
rule default:
    default_target: True
    input:
        rules.all.input,
