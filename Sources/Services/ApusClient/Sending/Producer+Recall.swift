import ClientCore
import ClientEngine
import MessageFormat
import RemotingProtocol

extension Producer {
    /// Takes a delayed message back before it becomes visible. Returns its `messageID`.
    ///
    /// - Parameter handle: `SendReceipt.recallHandle`.
    /// - Throws: `notFound` or `serverError` if the message is visible already, or was taken back
    ///   before.
    @discardableResult
    public nonisolated(nonsending) func recall(
        _ handle: String, deadline: Duration? = nil
    ) async throws(ApusClientError) -> String {
        guard let named = RecallHandle(handle) else {
            throw ApusClientError(.invalidArgument, "\"\(handle)\" is no recall handle")
        }
        let command = RemotingCommand.request(
            .recallMessage,
            fields: [
                "producerGroup": self.options.group, "recallHandle": handle, "topic": named.topic,
            ])
        let end = SystemClock.tick() + (deadline ?? self.options.deadline)
        var pause = Duration.milliseconds(50)
        while true {
            do throws(ApusClientError) {
                let id = try await self.recall(command, named)
                self.loop.trace?.recalled(id, topic: named.topic, succeeded: true)
                return id
            } catch {
                guard error.isPassing, SystemClock.tick() + pause < end else {
                    self.loop.trace?.recalled(
                        named.uniqueKey, topic: named.topic, succeeded: false)
                    throw error
                }
            }
            do {
                try await Task.sleep(for: pause)
            } catch {
                throw ApusClientError(.cancelled, "recalling \(named.uniqueKey): cancelled")
            }
            pause = min(pause * 2, .milliseconds(500))
        }
    }

    private nonisolated(nonsending) func recall(
        _ command: RemotingCommand, _ named: RecallHandle
    ) async throws(ApusClientError) -> String {
        let what = "recalling message \(named.uniqueKey) of topic \(named.topic)"
        let route = try await self.connection.route(of: named.topic)
        guard let master = route.masterAddress(of: named.brokerName) else {
            throw ApusClientError(.noRoute, "\(what): broker \(named.brokerName) has no master")
        }
        let answer = try await self.connection.call(
            command, to: master, timeout: self.options.attemptTimeout, during: what)
        return answer.nonEmptyString("msgId") ?? named.uniqueKey
    }
}

extension ApusClientError {
    /// Whether the same call may succeed when the cluster has recovered.
    fileprivate var isPassing: Bool {
        if let responseCode {
            return AttemptFailure(.answered(code: Int32(clamping: responseCode)), reason: "")
                .suggestsStaleRoute || self.code == .busy
                || ResponseCode(rawValue: Int32(clamping: responseCode)) == .slaveNotAvailable
        }
        return [.brokerUnreachable, .nameServerUnreachable, .noRoute, .timedOut, .busy]
            .contains(self.code)
    }
}
