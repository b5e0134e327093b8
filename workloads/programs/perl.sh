#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# about: perl fills hashes of lists, sorts, matches and joins
# needs: perl
# tier: fast
case $1 in
prepare)
    cat >script.pl <<'SCRIPT'
use strict;
use warnings;
my ($state, %by, @all) = (42);
sub draw { $state = ($state * 1103515245 + 12345) % 2147483648; return $state >> 8 }
for my $i (1 .. 150_000) {
    my $key = sprintf 'k%04d', draw() % 5000;
    push @{$by{$key}}, $key . '-' . 'x' x (draw() % 90);
    delete $by{sprintf 'k%04d', draw() % 5000} if $i % 11 == 0;
}
my ($count, $bytes) = (0, 0);
for my $key (sort keys %by) {
    my @sorted = sort { length $a <=> length $b || $a cmp $b } @{$by{$key}};
    $count += @sorted;
    $bytes += length join ',', @sorted;
    push @all, $sorted[0];
}
print scalar(keys %by), " $count $bytes\n";
my $text = join "\n", @all;
my $found = () = $text =~ /^k(\d)\1\d+-x*$/mg;
(my $other = $text) =~ s/x{3,}/sprintf '[%d]', length $&/ge;
printf "%d %d %s\n", $found, length $other, substr $other, 0, 60;
printf "%08x\n", unpack '%32C*', $other;
SCRIPT
    ;;
work) PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0 perl script.pl ;;
esac
