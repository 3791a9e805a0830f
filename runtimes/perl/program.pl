package Trivet::Program;

# Becomes a program that reads its request on stdin: as `perl FILE` would, without starting an interpreter. The interpreter is still reading worker.pl;
# its descriptor is exchanged for one of the program's text, and it goes on as if that had been its file all along.
use v5.36;

sub become ($path, $script, $system_call) {
    open my $file, '<:raw', $path or do { print STDERR qq{Can't open perl script "$path": $!\n}; exit 2 };
    my $source = qq{#line 1 "$path"\n} . do { local $/; <$file> };
    close $file;
    my $text = $system_call->('memfd_create', "program\0", 1);
    die "memfd_create: $!\n" if $text < 0;
    for (my $sent = 0; $sent < length $source;) { $sent += POSIX::write($text, substr($source, $sent), length($source) - $sent) // die "memfd: $!\n" }
    POSIX::lseek($text, 0, 0);
    $system_call->('dup3', $text, descriptor_of($script), 0x80000) >= 0 or die "dup3: $!\n";    # O_CLOEXEC
    POSIX::close($text);
    my $here = $script =~ s{[^/]*\z}{}r;
    delete @INC{grep { index($_, $here) == 0 } keys %INC};
    *0 = \(my $name = $path);    # a plain variable: the real one would write over the environment that /proc shows
    $. = undef;
    srand;
}

# The one on which the interpreter reads that file.
sub descriptor_of ($path) {
    my @wanted = (stat $path)[0, 1];
    opendir my $list, '/proc/self/fd' or die "/proc: $!\n";
    for my $fd (grep { /^[0-9]+\z/ } readdir $list) {
        my @found = (stat "/proc/self/fd/$fd")[0, 1];
        return $fd + 0 if @found && "@found" eq "@wanted";
    }
    die "the interpreter does not read $path any more\n";
}

1;
