# Makes a pom.xml of what a build.gradle or build.gradle.kts names in its block `dependencies`. What is read: one dependency a line, written plainly, and
# mavenCentral() as the only repository. Whatever else is said of dependencies is refused, not passed over.
#   awk -v file=NAME -f gradle.awk NAME

function refuse(what) {
  print file ":" NR ": " what "\n  is more than is read of Gradle here. Name the packages in a pom.xml, or run Gradle itself by the manifest:" \
    " build: {command: gradle, args: [jar], output: build/libs/NAME.jar}" >"/dev/stderr"
  failed = 1
  exit 1
}

function dependency(where, scope, coordinates,    part, n) {
  n = split(coordinates, part, ":")
  if (n < 2 || n > 3 || coordinates ~ /[$+@\[(]/) refuse(line)
  text = "<dependency><groupId>" part[1] "</groupId><artifactId>" part[2] "</artifactId>" (n > 2 ? "<version>" part[3] "</version>" : "") scope "</dependency>\n"
  if (where == "platform") platforms = platforms text; else packages = packages text
}

function quoted(text) { return match(text, /["'][^"']*["']/) ? substr(text, RSTART + 1, RLENGTH - 2) : "" }

function named(text, key) { return match(text, key "[ ]*[:=][ ]*[\"'][^\"']*[\"']") ? quoted(substr(text, RSTART, RLENGTH)) : "" }

{
  line = $0
  sub(/(^|[ \t])\/\/.*/, "", line)
  gsub(/\/\*[^*]*\*\//, "", line)
  if (within_comment) { if (line !~ /\*\//) next; sub(/.*\*\//, "", line); within_comment = 0 }
  if (line ~ /\/\*/) { sub(/\/\*.*/, "", line); within_comment = 1 }
  gsub(/^[ \t]+|[ \t;\r]+$/, "", line)
  if (line == "") next
}

block == "" && depth == 0 && line ~ /^(dependencies|repositories)[ \t]*\{/ {
  block = line ~ /^d/ ? "dependencies" : "repositories"
  sub(/^[a-z]*[ \t]*\{[ \t]*/, "", line)
  if (line == "") next
}

block == "" {
  if (line ~ /^(subprojects|allprojects)[ \t]*\{/) refuse(line)
  depth += gsub(/\{/, "", line) - gsub(/\}/, "", line) # what other blocks hold (a build script's own packages) is Gradle's business
  next
}

{
  is_last = sub(/[ \t]*\}$/, "", line)
  if (line != "" && block == "repositories" && line != "mavenCentral()") refuse(line)
  if (line != "" && block == "dependencies") take(line)
  if (is_last) block = ""
}

function take(line,    word, rest, scope, where) {
  match(line, /^[A-Za-z]+/)
  word = substr(line, 1, RLENGTH)
  rest = substr(line, RLENGTH + 1)
  if (word ~ /^test/) { if (line ~ /\{$/) refuse(line); return }
  if (word == "implementation" || word == "api") scope = ""
  else if (word == "runtimeOnly") scope = "<scope>runtime</scope>"
  else if (word == "compileOnly" || word == "compileOnlyApi") scope = "<scope>provided</scope>"
  else refuse(line)
  where = "package"
  if (rest ~ /^[ \t(]*(enforcedPlatform|platform)[ \t]*\(/) { where = "platform"; scope = "<type>pom</type><scope>import</scope>"; sub(/(enforcedPlatform|platform)/, "", rest) }
  gsub(/[ \t()]/, "", rest)
  if (rest ~ /^kotlin["']stdlib/ || rest ~ /^["']org.jetbrains.kotlin:kotlin-stdlib/) return # the compiler's own
  if (rest ~ /^["'][^"']*["']$/) dependency(where, scope, quoted(rest))
  else if (rest ~ /^(group[:=]["'][^"']*["'],name[:=]["'][^"']*["'](,version[:=]["'][^"']*["'])?)$/)
    dependency(where, scope, named(rest, "group") ":" named(rest, "name") (named(rest, "version") ? ":" named(rest, "version") : ""))
  else refuse(line)
}

END {
  if (failed) exit 1
  print "<project><modelVersion>4.0.0</modelVersion><groupId>function</groupId><artifactId>function</artifactId><version>1</version>"
  print "<dependencyManagement><dependencies>\n" platforms "</dependencies></dependencyManagement>\n<dependencies>\n" packages "</dependencies></project>"
}
