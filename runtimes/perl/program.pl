package Trivet::Program;

# Becomes a program that reads its request on stdin: as `perl FILE` would, without starting an interpreter.

sub run {
    open my $file, '<:raw', $_[0] or do { print STDERR qq{Can't open perl script "$_[0]": $!\n}; exit 2 };
    my $source = do { local $/; <$file> };
    if ($source =~ /^__(?:END|DATA)__\r?\n/m) {    # the rest of the file is what the program reads as DATA
        seek $file, $+[0], 0;
        *main::DATA = $file;
    }
    my $name = $_[0];
    *0 = \$name;                                   # a plain variable: the real one would write over the environment that /proc shows
    @ARGV = ();
    @_ = ("package main;\n#line 1 \"$name\"\n$source");
    undef $source;
    srand;
    &evaluate;
    return unless ref $@ || length $@;
    my $status = $! + 0 & 255 || $? >> 8 & 255 || 255;
    print STDERR $@;
    exit $status;
}

# No name of this file is seen by the program.
sub evaluate { CORE::evalbytes($_[0]) }

1;
