include: "download.smk"
