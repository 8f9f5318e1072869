import Chaos
import MetricsFormat
import Testing

@Suite("what a server says of itself, as Prometheus reads it")
struct ExpositionTests {
    @Test("a family has its help and type once, then its samples")
    func family() throws {
        var page = MetricPage()
        page.counter("sent_total", "Messages.", MetricSample(3, MetricLabel("topic", "a")))
        page.gauge("role", "What it is.", MetricSample(1))
        page.counter("sent_total", "Messages.", MetricSample(4, MetricLabel("topic", "b")))
        #expect(
            ExpositionText.encode(page) == """
                # HELP sent_total Messages.
                # TYPE sent_total counter
                sent_total{topic="a"} 3
                sent_total{topic="b"} 4
                # HELP role What it is.
                # TYPE role gauge
                role 1

                """)
        _ = try ExpositionGrammar.check(ExpositionText.encode(page))
    }

    @Test("a family without samples is not there at all")
    func noSamples() {
        var page = MetricPage()
        page.add(.gauge, "empty", "Nothing.", [])
        #expect(ExpositionText.encode(page) == "")
    }

    @Test("buckets are cumulative, end with +Inf, and bounds are inclusive")
    func histogram() throws {
        var histogram = Histogram(bounds: [100_000, 1_000_000], unit: 1e-9)
        for nanoseconds in [1, 100_000, 100_001, 5_000_000] as [Int64] {
            histogram.observe(nanoseconds)
        }
        var page = MetricPage()
        page.histogram("flush_seconds", "Flushes.", MetricSample(.histogram(histogram)))
        let text = ExpositionText.encode(page)
        #expect(
            text.hasSuffix(
                """
                # TYPE flush_seconds histogram
                flush_seconds_bucket{le="0.0001"} 2
                flush_seconds_bucket{le="0.001"} 3
                flush_seconds_bucket{le="+Inf"} 4
                flush_seconds_sum 0.005200002
                flush_seconds_count 4

                """))
        let samples = try ExpositionGrammar.check(text)
        #expect(samples.count == 5)
    }

    @Test("quotes, backslashes and line ends in labels and help do no harm")
    func escaping() throws {
        var page = MetricPage()
        page.gauge(
            "odd", "A \\ and a\nline with \"quotes\".",
            MetricSample(1, MetricLabel("text", "a\\b\"c\nd, {e}=é")))
        let text = ExpositionText.encode(page)
        #expect(text.contains("# HELP odd A \\\\ and a\\nline with \"quotes\".\n"))
        #expect(text.contains("odd{text=\"a\\\\b\\\"c\\nd, {e}=é\"} 1\n"))
        let sample = try #require(try ExpositionGrammar.check(text).first)
        #expect(sample.labels["text"] == "a\\b\"c\nd, {e}=é")
    }

    @Test(
        "numbers are written as Prometheus reads them",
        arguments: [
            (0.5, "0.5"), (3.0, "3"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"),
            (1e-7, "1e-07"), (1e18, "1e+18"),
        ] as [(Double, String)])
    func numbers(value: Double, text: String) throws {
        var page = MetricPage()
        page.gauge("n", "N.", MetricSample(.number(value)))
        #expect(ExpositionText.encode(page).hasSuffix("\nn \(text)\n"))
        _ = try ExpositionGrammar.check(ExpositionText.encode(page))
    }

    @Test("what all samples share stands first")
    func labelled() {
        var page = MetricPage()
        page.gauge("x", "X.", MetricSample(1, MetricLabel("b", "2")), MetricSample(2))
        let text = ExpositionText.encode(page.labelled([MetricLabel("a", "1")]))
        #expect(text.contains("x{a=\"1\",b=\"2\"} 1\nx{a=\"1\"} 2\n"))
    }

    @Test(
        "the grammar refuses what Prometheus would",
        arguments: [
            "x 1\n", "# TYPE x gauge\nx 1\n# TYPE x gauge\n", "# TYPE x gauge\nx{a=1} 1\n",
            "# TYPE x gauge\nx one\n", "# TYPE x gauge\nx 1\nx 2\n", "# TYPE x gauge\nx 1",
            "# TYPE x histogram\nx_bucket{le=\"1\"} 2\nx_bucket{le=\"+Inf\"} 1\nx_sum 1\nx_count 1\n",
            "# TYPE x histogram\nx_bucket{le=\"1\"} 2\nx_sum 1\nx_count 2\n",
            "# TYPE x gauge\nx 1\n# TYPE y gauge\ny 1\nx{a=\"b\"} 1\n",
            "# TYPE 1x gauge\n1x 1\n", "# TYPE x gauge\nx{a=\"b} 1\n",
            "# TYPE x counter\nx 1\n",
        ])
    func refused(text: String) {
        #expect(throws: ExpositionGrammar.Violation.self) {
            try ExpositionGrammar.check(text)
        }
    }
}
