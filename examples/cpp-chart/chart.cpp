// A picture of numbers: POST {"values": [3, 1, 2], "width": 300, "height": 100, "color": "#336699"} answers with a PNG of bars.
// packages: libpng

#include <png.h>

#include <algorithm>
#include <cmath>
#include <trivet.hpp>

struct Chart {
  std::vector<double> values;
  unsigned width = 300, height = 100;
  std::string color = "#336699";
};
TRIVET_RECORD(Chart, values, width, height, color)

struct Wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};

constexpr unsigned kMost = 4000;

static void check(const Chart& chart) {
  if (chart.values.empty()) throw Wrong("values: at least one is needed");
  auto draws = [](double value) { return std::isfinite(value) && value >= 0; };
  if (!std::all_of(chart.values.begin(), chart.values.end(), draws)) throw Wrong("values: a bar is zero or more");
  if (chart.width < chart.values.size() || chart.width > kMost || chart.height < 1 || chart.height > kMost)
    throw Wrong("width, height: from 1 (and one for each bar) to 4000");
  if (chart.color.size() != 7 || chart.color[0] != '#' || chart.color.find_first_not_of("0123456789abcdefABCDEF", 1) != std::string::npos)
    throw Wrong("color: such as #336699");
}

// The pixels, row by row: 0 is the ground, 1 a bar. One pixel of ground lies between wide bars.
static std::vector<png_byte> draw(const Chart& chart) {
  double most = *std::max_element(chart.values.begin(), chart.values.end());
  std::vector<png_byte> pixels(std::size_t{chart.width} * chart.height, 0);
  unsigned bar = chart.width / static_cast<unsigned>(chart.values.size());
  for (std::size_t n = 0; n < chart.values.size(); n++) {
    auto tall = most > 0 ? static_cast<unsigned>(std::lround(chart.values[n] / most * chart.height)) : 0;
    for (unsigned y = chart.height - tall; y < chart.height; y++)
      std::fill_n(pixels.begin() + std::ptrdiff_t(std::size_t{y} * chart.width + n * bar), bar > 3 ? bar - 1 : bar, png_byte{1});
  }
  return pixels;
}

static std::string encode(const Chart& chart) {
  auto pixels = draw(chart);
  auto channel = [&chart](std::size_t at) { return static_cast<png_byte>(std::stoi(chart.color.substr(at, 2), nullptr, 16)); };
  png_color colors[] = {{255, 255, 255}, {channel(1), channel(3), channel(5)}};
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = chart.width;
  image.height = chart.height;
  image.format = PNG_FORMAT_RGB_COLORMAP;
  image.colormap_entries = 2;
  png_alloc_size_t size = 0;
  if (!png_image_write_to_memory(&image, nullptr, &size, 0, pixels.data(), 0, colors)) throw std::runtime_error(image.message);
  std::string file(size, '\0');
  if (!png_image_write_to_memory(&image, file.data(), &size, 0, pixels.data(), 0, colors)) throw std::runtime_error(image.message);
  file.resize(size);
  return file;
}

trivet::http::Response handler(trivet::http::Context& context) {
  try {
    auto chart = trivet::read<Chart>(context.req.bodyJson());
    check(chart);
    context.log("bars:", chart.values.size());
    return context.res.binary(encode(chart), 200, {{"content-type", "image/png"}});
  } catch (const trivet::JsonError& error) {
    return context.res.json(trivet::Json::object({{"error", error.what()}}), 400);
  } catch (const Wrong& error) {
    return context.res.json(trivet::Json::object({{"error", error.what()}}), 400);
  }
}
