import ClientEngine
import MessageFormat
import NIOCore
import RemotingProtocol
import RemotingTransport

extension Producer {
    /// Sends a message whose consumer is expected to answer it with `reply`, and waits for that.
    ///
    /// The reply comes over a broker and reaches this very producer only: it is lost when this
    /// process dies or `timeout` is over. The request itself is a message like every other, which
    /// consumers may get twice.
    ///
    /// - Throws: `timedOut` if no reply came in time, with `mayHaveBeenStored` true if the request
    ///   was stored.
    public nonisolated(nonsending) func request(
        _ message: Message, to selection: QueueSelection = .roundRobin,
        timeout: Duration = .seconds(3)
    ) async throws(ApusClientError) -> ReceivedMessage {
        let id = self.newID()
        let request = try self.request(message, selection, id, timeout)
        self.loop.post(.expectReplies)
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard self.loop.replies.add(id, continuation) else {
                    let problem = "too many requests wait for replies"
                    return continuation.resume(
                        returning: .failure(ApusClientError(.busy, problem)))
                }
                self.start(request, id, bytes: message.bytes, timeout)
                if Task.isCancelled { self.giveUp(id, message.topic) }
            }
        } onCancel: {
            self.giveUp(id, message.topic)
        }
        return try outcome.get()
    }

    private func request(
        _ message: Message, _ selection: QueueSelection, _ id: String, _ timeout: Duration
    ) throws(ApusClientError) -> OutgoingSend {
        guard message.delay == nil else {
            throw ApusClientError(.invalidArgument, "a request cannot be delayed")
        }
        var outgoing = try self.outgoing(message, selection)
        var properties = outgoing.properties
        ReplyAddress(correlationID: id, clientID: self.clientID, timeout: timeout)
            .write(to: &properties)
        outgoing.properties = properties
        return OutgoingSend(
            topic: self.fullName(message.topic), messages: [outgoing],
            placement: self.placement(selection))
    }

    private func start(
        _ request: OutgoingSend, _ id: String, bytes: Int, _ timeout: Duration
    ) {
        let replies = self.loop.replies
        let topic = request.topic
        self.connection.eventLoop.scheduleTask(in: TimeAmount(timeout)) { () -> Void in
            replies.finish(
                id,
                .failure(
                    ApusClientError(
                        .timedOut, "no reply to the request on topic \(topic) in \(timeout)",
                        mayHaveBeenStored: true)))
        }
        Task {
            do throws(ApusClientError) {
                _ = try await self.hand(request, bytes: bytes, deadline: timeout).receipt
            } catch {
                replies.finish(id, .failure(error))
            }
        }
    }

    private func giveUp(_ id: String, _ topic: String) {
        self.loop.replies.finish(
            id,
            .failure(
                ApusClientError(
                    .cancelled, "cancelled while waiting for a reply on topic \(topic)",
                    mayHaveBeenStored: true)))
    }

    /// Answers a message that was sent with `request`. Returns when a broker has handed the reply
    /// to the client that asked.
    ///
    /// - Throws: `invalidArgument` if nobody waits for an answer to the message
    ///   (`ReceivedMessage.isRequest`), `serverError` if who asked is not there any more.
    public nonisolated(nonsending) func reply(
        to request: ReceivedMessage, with body: [UInt8], properties: [String: String] = [:],
        deadline: Duration? = nil
    ) async throws(ApusClientError) {
        guard let address = ReplyAddress(request.inbound.properties),
            let cluster = address.cluster
        else {
            throw ApusClientError(
                .invalidArgument, "message \(request.messageID) does not say where replies go")
        }
        let message = Message(
            topic: ReplyAddress.topic(ofCluster: cluster), body: body, properties: properties)
        var outgoing = try self.outgoing(message, .roundRobin)
        var written = outgoing.properties
        address.write(to: &written)
        written[PropertyName.messageType] = PropertyName.replyType
        outgoing.properties = written
        // Who asked is certainly known to the broker that has the request.
        let queue = MessageQueue(
            topic: message.topic, brokerName: request.inbound.queue.brokerName, queueID: 0)
        let send = OutgoingSend(
            topic: message.topic, messages: [outgoing], kind: .reply, placement: .queue(queue))
        _ = try await self.hand(send, bytes: message.bytes, deadline: deadline).receipts
    }
}

extension ReceivedMessage {
    /// Whether somebody waits for an answer: `Producer.reply`.
    public var isRequest: Bool {
        let isReply =
            self.inbound.properties[PropertyName.messageType] == PropertyName.replyType
        return ReplyAddress(self.inbound.properties) != nil && !isReply
    }

    /// Answers the request that this message is; `Producer.reply` says how.
    public nonisolated(nonsending) func reply(
        _ body: [UInt8], properties: [String: String] = [:], through producer: Producer,
        deadline: Duration? = nil
    ) async throws(ApusClientError) {
        try await producer.reply(
            to: self, with: body, properties: properties, deadline: deadline)
    }
}

extension ProducerLoop {
    /// A broker brings a reply, and is told whether somebody waited for it.
    func replyCame(_ request: ReceivedCommand, on connection: RemotingConnection) {
        var answer: RemotingCommand
        do throws(PushedReplyError) {
            let reply = try PushedReply(request)
            self.replies.finish(
                reply.correlationID,
                .success(
                    ReceivedMessage(reply.message, in: self.connection.namespace)))
            // Whoever was too late has been told so: the reply has arrived all the same.
            answer = .response(.success, to: request.opaque)
        } catch {
            answer = .response(.systemError, to: request.opaque, remark: error.problem)
        }
        guard !request.isOneWay else { return }
        var bytes = ByteBuffer()
        answer.encode(into: &bytes, as: request.serialization)
        connection.send(bytes)
    }
}
