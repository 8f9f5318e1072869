import Chaos
import Testing

@Suite("latencies are counted in buckets")
struct LatencyHistogramTests {
    @Test("small values are exact")
    func small() {
        var histogram = LatencyHistogram()
        for value: Int64 in 1...100 { histogram.add(value) }
        #expect(histogram.count == 100)
        #expect(histogram.mean == 50.5)
        #expect(histogram.percentile(0.5) == 50)
        #expect(histogram.percentile(0.99) == 99)
        #expect(histogram.percentile(1) == 100)
        #expect(histogram.percentile(0) == 1)
        #expect(histogram.max == 100)
    }

    @Test("a large value is off by at most a sixty-fourth", arguments: 0..<62)
    func large(shift: Int) {
        for value in [Int64(1) << shift, (Int64(1) << shift) + (Int64(1) << shift) / 3] {
            var histogram = LatencyHistogram()
            histogram.add(value)
            histogram.add(.max)
            let found = histogram.percentile(0.5)
            #expect(found >= value)
            #expect(found - value <= value / 64)
        }
    }

    @Test("histograms add up")
    func sum() {
        var left = LatencyHistogram()
        var right = LatencyHistogram()
        var both = LatencyHistogram()
        for value: Int64 in 0..<1000 {
            if value.isMultiple(of: 2) { left.add(value * 977) } else { right.add(value * 977) }
            both.add(value * 977)
        }
        left.add(right)
        #expect(left == both)
    }

    @Test("no value, no percentile; a negative one counts as nothing")
    func edges() {
        var histogram = LatencyHistogram()
        #expect(histogram.percentile(0.5) == 0)
        histogram.add(-5)
        #expect(histogram.percentile(0.5) == 0)
        #expect(histogram.count == 1)
    }
}
