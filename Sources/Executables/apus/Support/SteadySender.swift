import Chaos
import Compression
import MessageFormat
import RemotingProtocol

/// Sends one message after the other, around brokers that fail, until each is acknowledged.
struct SteadySender {
    private static let pauseMax: Duration = .seconds(1)
    /// As `ApusClient` does by default.
    private static let compressedBytesMin = 4_096

    let access: ClusterAccess
    let topic: String
    let request: SendTemplate
    let properties: MessageProperties
    private var targets: [RoutedQueue] = []
    private var turn = 0

    init(
        access: ClusterAccess, topic: String, request: SendTemplate, properties: MessageProperties
    ) {
        self.access = access
        self.topic = topic
        self.request = request
        self.properties = properties
    }

    /// Throws if the message was not acknowledged within `patience`, or never will be.
    mutating func send(
        _ body: [UInt8], patience: Duration
    ) async throws(CommandFailure) -> SendReport {
        let compressed =
            body.count >= Self.compressedBytesMin
            ? BodyCompression.compressed(body, level: 5) : nil
        let giveUpAt = Recorder.now + patience
        var pause: Duration = .milliseconds(20)
        while true {
            let failure: AccessError
            do {
                return try await self.attempt(body, compressed)
            } catch {
                failure = error
            }
            guard failure.isWorthRetrying, Recorder.now + pause < giveUpAt else {
                throw CommandFailure("cannot send to \(self.topic)", failure)
            }
            // Whatever failed, the queues may be elsewhere by now.
            self.targets = []
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, Self.pauseMax)
        }
    }

    private mutating func attempt(
        _ body: [UInt8], _ compressed: [UInt8]?
    ) async throws(AccessError) -> SendReport {
        if self.targets.isEmpty { self.targets = try await self.access.sendTargets(self.topic) }
        let target = self.targets[self.turn % self.targets.count]
        self.turn += 1
        var command = self.request.command(
            compressed ?? body, to: target.queue, at: Recorder.wallNow, adding: self.properties)
        if compressed != nil { command["f"] = String(SystemFlag.compressedByZlib.rawValue) }
        let answer = try await self.access.call(command, to: target.address)
        return SendReport(answer, to: target.queue)
    }
}

extension ClusterAccess {
    /// The queues to send a topic's messages to; of one that does not exist yet those that brokers
    /// make by themselves for its first message.
    func sendTargets(_ topic: String) async throws(AccessError) -> [RoutedQueue] {
        do throws(AccessError) {
            let queues = try await self.route(of: topic).writableQueues(of: topic)
            guard !queues.isEmpty else { throw AccessError.noMaster(topic: topic) }
            return queues
        } catch {
            guard case .noRoute = error,
                let template = try? await self.route(of: SystemTopic.autoCreate)
            else { throw error }
            let queues = template.writableQueues(of: topic).filter { $0.queue.queueID < 4 }
            guard !queues.isEmpty else { throw error }
            return queues
        }
    }
}

extension AccessError {
    /// Whether another try, perhaps with another broker, may succeed.
    fileprivate var isWorthRetrying: Bool {
        switch self {
        case .unreachable, .noMaster: true
        case .noRoute, .unreadable: false
        case .refused(let code, _, _):
            ![.messageIllegal, .invalidParameter, .noPermission, .requestCodeNotSupported]
                .contains(code)
        }
    }
}
