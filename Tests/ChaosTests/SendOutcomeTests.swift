import Chaos
import MessageFormat
import RemotingProtocol
import RemotingTransport
import Testing

@Suite("each status of a send has one class")
struct SendOutcomeTests {
    private let queue = HistoryScript.queue(0)

    private func report(
        _ code: ResponseCode, remark: String? = nil,
        fields: KeyValuePairs<String, String> = [:]
    ) throws -> SendReport {
        let answer = RemotingCommand.response(code, to: 1, remark: remark, fields: fields)
        return SendReport(try ReceivedCommand(receiving: answer), to: self.queue)
    }

    @Test("acknowledged, with the place that the broker names")
    func acknowledged() throws {
        let report = try self.report(
            .success, fields: ["msgId": "ABC", "queueId": "3", "queueOffset": "17"])
        #expect(report.outcome == .acknowledged)
        #expect(report.position == HistoryScript.place(3, 17))
        #expect(report.messageID == "ABC")
        #expect(report.status == "SEND_OK")
    }

    @Test(
        "may have been stored",
        arguments: [
            ResponseCode.flushDiskTimeout, .flushSlaveTimeout, .slaveNotAvailable, .systemError,
            .serviceNotAvailable, ResponseCode(rawValue: 4711),
        ])
    func unknown(code: ResponseCode) throws {
        // Even with a place in it: what is not durable may still vanish.
        let report = try self.report(code, fields: ["queueId": "3", "queueOffset": "17"])
        #expect(report.outcome == .unknown)
        #expect(report.position == nil)
    }

    @Test(
        "refused before anything was appended",
        arguments: [
            ResponseCode.systemBusy, .messageIllegal, .noPermission, .topicNotExist,
            .invalidParameter, .flowControl,
        ])
    func failed(code: ResponseCode) throws {
        let report = try self.report(code, remark: "no")
        #expect(report.outcome == .failed)
        #expect(report.status == "\(code.name): no")
    }

    @Test("no answer: what counts is whether the request was sent")
    func noAnswer() {
        func outcome(_ error: AccessError) -> SendOutcome { SendReport(error).outcome }
        let address = "127.0.0.1:1"
        #expect(
            outcome(.unreachable(.connectFailed(address: address, reason: ""))) == .failed)
        for wasSent in [false, true] {
            let expected: SendOutcome = wasSent ? .unknown : .failed
            #expect(
                outcome(
                    .unreachable(.connectionClosed(address: address, requestWasSent: wasSent)))
                    == expected)
            #expect(
                outcome(
                    .unreachable(
                        .timedOut(
                            address: address, after: .seconds(3), requestWasSent: wasSent)))
                    == expected)
        }
    }
}
