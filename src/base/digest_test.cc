#include "base/digest.h"

#include <gtest/gtest.h>

namespace trivet {
namespace {

std::string hex(const Digest& digest) { return to_hex(bytes_of(digest)); }

TEST(Digest, sha256_of_what_the_standard_gives) {  // FIPS 180-4
  EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Digest, how_bytes_are_cut_does_not_matter) {
  std::string bytes(1000, 'x');
  for (size_t cut : {0, 1, 63, 64, 65, 128, 999}) {
    Sha256 sum;
    sum.add(std::string_view{bytes}.substr(0, cut));
    sum.digest();  // asked for in between
    sum.add(std::string_view{bytes}.substr(cut));
    EXPECT_EQ(sum.digest(), sha256(bytes)) << cut;
  }
}

TEST(Digest, hmac_of_what_the_standard_gives) {  // RFC 4231, cases 2 and 6
  EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex(hmac_sha256(std::string(131, '\xaa'),
                            "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

}  // namespace
}  // namespace trivet
