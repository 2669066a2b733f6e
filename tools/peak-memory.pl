# Runs a program and prints the peak memory of its largest process in KiB on descriptor 3, with PEAK_TIME=1 also its time in milliseconds; small itself, since a child inherits its parent's mark.
# Source: wait4(2), getrusage(2), clock_gettime(2); Time::HiRes is not in perl-base.
use strict;
use warnings;
my ($wait4, $clock) = `uname -m` =~ /aarch64/ ? (260, 113) : (61, 228);
my $monotonic = 1;
sub now { my $time = "\0" x 16; syscall($clock, $monotonic, $time); my ($s, $ns) = unpack("q2", $time); return $s * 1000 + $ns / 1e6 }
my $begun = now();
my $pid = fork;
if (!$pid) { exec @ARGV or exit 127 }
my ($status, $usage) = (pack("i", 0), "\0" x 144);
syscall($wait4, $pid, $status, 0, $usage);
my $ms = now() - $begun;
open(my $out, ">&=", 3) or die;
print $out (unpack("q18", $usage))[4], $ENV{PEAK_TIME} ? sprintf(" %.3f", $ms) : "", "\n";
my $code = unpack("i", $status);
exit($code & 127 ? 128 + ($code & 127) : $code >> 8);
