# A fresh environment

python3 -m venv .venv && . .venv/bin/activate && pip install -q "$YAMJIT"

# Which birds were heard when: for Raven, and for a spreadsheet

yamjit events season --roll-up --allow Bird --on 0.5 --max-gap 5 --format raven -o raven --jobs 2

yamjit events season --roll-up --allow Bird --on 0.5 --max-gap 5 -o birds.csv --jobs 2

head -4 birds.csv

# Birds by the hour of the day

python - <<'PROGRAM'
import csv, collections
hours = collections.Counter(row["time"][11:13] for row in csv.DictReader(open("birds.csv")))
for hour, events in sorted(hours.items()):
    print(f"{hour} h  {events:3}  {'#' * events}")
PROGRAM
