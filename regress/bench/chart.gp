# chart.svg: one panel for each column of chart.tsv that report.sh made.
set terminal svg size 960,900 font "sans,12" background "white"
set output svg
set datafile separator "\t"
set style fill solid 0.8 noborder
set boxwidth 0.7
set yrange [*:*] reverse
set ytics scale 0 noenhanced
set xrange [0:*]
set grid x
unset key
bar(n, c) = sprintf("'%s' using ($%d/2):0:($%d/2):(0.35):ytic(1) with boxxyerror lc rgb '%s'", data, n, n, c)
set multiplot layout 3,2 title machine noenhanced
set title "TCP, one stream: Mbit/s"
eval "plot ".bar(2, "#33689e")
set title "64-byte packets a second, at most 1 % lost"
set format x "%.0s%c"
eval "plot ".bar(3, "#33689e")
set format x
set title "round trip at rest: µs"
eval "plot ".bar(4, "#9e5333")
set title "round trip beside a TCP stream, 99 %: µs"
set format x "%.0s%c"
eval "plot ".bar(5, "#9e5333")
set format x
set title "processor seconds of the daemons per gigabyte"
eval "plot ".bar(6, "#9e5333")
unset multiplot
