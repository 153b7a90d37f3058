# report: below
