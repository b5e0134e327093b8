#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# about: git clones, logs, blames, diffs and packs a repository of 400 commits
# needs: git perl cksum
# tier: fast
export HOME="$PWD" GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat LC_ALL=C
case $1 in
prepare)
    perl -e '
        my ($s, @text) = (99);
        sub draw { $s = ($s * 1103515245 + 12345) % 2147483648; return ($s >> 8) % $_[0] }
        for my $c (1 .. 400) {
            my $who = sprintf "Author %d <a%d\@example.org> %d +0000", $c % 7, $c % 7,
                1600000000 + 1000 * $c;
            print "commit refs/heads/main\nmark :$c\nauthor $who\ncommitter $who\n";
            my $say = "change $c\n";
            print "data ", length $say, "\n$say";
            print "from :", $c - 1, "\n" if $c > 1;
            for (1 .. 6) {
                my $f = draw(60);
                my $lines = $text[$f] //= [map { "line $_ of $f" } 1 .. 120];
                $lines->[draw(scalar @$lines)] = "line by $c: " . draw(1 << 20) for 1 .. 4;
                splice @$lines, draw(scalar @$lines), 1, "one $c", "two $c";
                my $all = join "\n", @$lines, "";
                print "M 644 inline dir", $f % 8, "/file$f.txt\ndata ", length $all, "\n$all\n";
            }
        }' >stream
    git init -q -b main repo
    git -C repo fast-import --quiet <stream
    ;;
work)
    rm -rf copy
    git clone -q --no-hardlinks "file://$PWD/repo" copy
    cd copy || exit 1
    git log --stat --format='%H %an %s' | cksum
    git log -p --follow -- dir1/file1.txt | cksum
    git blame -s dir3/file3.txt | cksum
    git diff --stat HEAD~200 | tail -1
    git -c pack.threads=2 gc -q --aggressive --prune=now
    git rev-list --objects --all | sort | cksum
    git fsck --full --strict --no-progress
    git grep -c two HEAD | cksum
    ;;
esac
