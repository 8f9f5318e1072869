import BrokerEngine
import LogCore
import MessageFormat
import RemotingProtocol
import Testing

@Suite("What is refused under overload leaves no trace")
struct OverloadTests {
    private static func bench() -> EngineBench {
        EngineBench(
            EngineBench.settings(segmentBytes: 4 << 20) {
                $0.admission.bytesMin = 20_000
                $0.admission.bytesFirst = 20_000
                $0.admission.bytesMax = 20_000
            })
    }

    private static let body = String(repeating: "x", count: 1_000)

    @Test("a flood is refused before it has a place in the log; another topic still gets one")
    func flood() {
        var bench = Self.bench()
        var refused = 0
        for _ in 0..<100 {
            let before = bench.engine.log.end
            let send = bench.request(Requests.send(Self.body, topic: "noisy"))
            guard let answer = bench.answer(to: send) else { continue }
            refused += 1
            #expect(answer.code == .systemBusy)
            #expect(answer.remark?.hasPrefix("[OVERLOAD]") == true)
            #expect(bench.engine.log.end == before)
        }
        #expect(refused > 70 && refused < 95)
        let quiet = bench.request(Requests.send(Self.body, topic: "quiet"))
        #expect(bench.answer(to: quiet) == nil)
        bench.settle()
        #expect(bench.answer(to: quiet)?.code == .success)
        let stored = (0..<4).compactMap {
            bench.engine.queues.queue(QueueKey(topic: "noisy", queueID: $0))?.visibleEnd.value
        }.reduce(0, +)
        #expect(stored == 100 - Int64(refused))
        #expect(bench.engine.figures.counters.refusals[.systemBusy] == Int64(refused))
    }

    @Test("offsets and acknowledgements get in while sends are refused")
    func others() {
        var bench = Self.bench()
        for _ in 0..<100 { bench.request(Requests.send(Self.body, topic: "noisy")) }
        let commit = bench.request(
            .request(
                .updateConsumerOffset,
                fields: [
                    "consumerGroup": "G", "topic": "noisy", "queueId": "0", "commitOffset": "0",
                ]))
        bench.settle()
        #expect(bench.answer(to: commit)?.code == .success)
    }

    @Test("while index files cannot be made the log does not grow for ever, nor does memory")
    func unsealed() {
        var bench = EngineBench(EngineBench.settings(segmentBytes: 64 << 10))
        func sendUntilRefused(_ most: Int) -> Int {
            for sent in 0..<most {
                let send = bench.request(Requests.send(Self.body))
                bench.settle()
                if bench.answer(to: send)?.code != .success { return sent }
            }
            return most
        }
        let taken = sendUntilRefused(1_000)
        #expect(taken > 250 && taken < 600)
        #expect(bench.engine.segments.unsealed.count == 9)
        bench.sealForReading()
        #expect(sendUntilRefused(10) == 10)
    }
}
