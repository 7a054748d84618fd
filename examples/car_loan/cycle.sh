#!/bin/sh
# The nine steps of the retraining cycle on files: what each command does, and where its result lies.
#
#   sh examples/car_loan/cycle.sh out/demo
#
# On Kafka, steps 1 to 3 and 7 are `streamgauge worker`, steps 4 to 6 are `streamgauge retrain`, and the shadow is what
# your server sends once the `serving` topic names a candidate.
set -eu

out=${1:-out/demo}
here=$(dirname "$0")
monitor=$here/monitor.yaml

step() {
    printf '\n=== %s ===\n' "$1"
}

rm -rf "$out" "$here/archive"

streamgauge reference "$monitor"

step "1 logging, 2 curation, 3 trigger: a year is replayed"
streamgauge replay "$monitor" --out "$out"
streamgauge features "$monitor"

step "4 dataset, 5 training, 6 offline tests: the triggers are carried out"
streamgauge retrain "$monitor" --from "$out"

step "7 online test and rollout: the candidate predicts beside the champion, and the year is replayed with it"
streamgauge score "$monitor" car_loan --from "$out" --out "$out/shadow.parquet"
streamgauge replay "$monitor" --also "$out/shadow.parquet" --commands "$out/commands.jsonl" --out "$out/with_candidate"
streamgauge serving "$monitor" --from "$out/with_candidate/serving.jsonl"

step "8 did it help, 9 again: what other policies would have cost"
streamgauge backtest "$monitor" --out "$out/backtest" --decisions 30

cat <<END

Where it all lies:
  1 logging        $here/archive/   rows and labels, as Parquet
  2 curation       $out/label_requests.jsonl
  3 trigger        $out/triggers.jsonl, and each decision in $out/decisions.jsonl;
                   what to do meanwhile in $out/advice.jsonl
  4 dataset        $out/retrain/datasets/
  5 training       $out/retrain/models/
  6 offline tests  $out/retrain/triggers/*/check.json
  7 rollout        $out/commands.jsonl and $out/with_candidate/serving.jsonl
  8 did it help    $out/with_candidate/outcomes.jsonl
  9 again          $out/backtest/
Reports to look at: $out/report.html, $out/with_candidate/report.html, $out/backtest/
END
