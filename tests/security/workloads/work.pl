use strict;
use warnings;
use File::Temp qw(tempdir);
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX qw(mkfifo);

my $folder = tempdir(CLEANUP => 1);
open(my $out, '>', "$folder/file") or die $!;
flock($out, 2) or die $!;
print $out 'x' x 10000;
close $out;
mkfifo("$folder/fifo", 0600) or die "fifo: $!" if grep { $_ eq '--interfaces' } @ARGV;
die 'size' unless -s "$folder/file" == 10000;
for my $class (qw(INET UNIX)) {
    my $server = $class eq 'INET'
        ? IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') : IO::Socket::UNIX->new(Listen => 1, Local => "$folder/s");
    die "$class: $!" unless $server;
    my $child = fork() // die $!;
    if (!$child) {
        my $client = $class eq 'INET'
            ? IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->sockport) : IO::Socket::UNIX->new(Peer => "$folder/s");
        print $client "hello\n";
        exit 0;
    }
    my $line = $server->accept->getline;
    waitpid($child, 0);
    die "line: $line" unless $line eq "hello\n" && $? == 0;
}
die 'child' unless `echo out | cat` eq "out\n";
gethostbyname('localhost') or die 'name';
print "fine\n";
