/// Why an operation of the client failed.
public struct ApusClientError: Error, Sendable {
    /// The kind of failure. More may be added.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The code's name, such as `timedOut`.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// An argument cannot be right, whatever the cluster's state.
        public static let invalidArgument = Self("invalidArgument")
        /// No name server could be reached.
        public static let nameServerUnreachable = Self("nameServerUnreachable")
        /// A broker could not be reached, or its connection was lost.
        public static let brokerUnreachable = Self("brokerUnreachable")
        /// The topic does not exist and is not created by sending to it.
        public static let topicNotFound = Self("topicNotFound")
        /// The consumer group does not exist and is not made by its first member.
        public static let groupNotFound = Self("groupNotFound")
        /// Nobody says where the topic or the queue is now: no broker that takes it is up.
        public static let noRoute = Self("noRoute")
        /// No answer came in time. The request may have been carried out.
        public static let timedOut = Self("timedOut")
        /// The server has too much to do, or the client too much in flight.
        public static let busy = Self("busy")
        /// The broker took the message but could not make it as durable as configured in time.
        public static let notDurable = Self("notDurable")
        /// A store on this machine, such as the file of a `HandledDatabase`, cannot be read.
        public static let storeUnreadable = Self("storeUnreadable")
        /// The broker or the client refuses this message: size, properties, name.
        public static let messageRefused = Self("messageRefused")
        /// The topic or the broker does not allow it at the moment, such as a topic that may only
        /// be read.
        public static let notPermitted = Self("notPermitted")
        /// What was asked for does not exist.
        public static let notFound = Self("notFound")
        /// The server answered with an error that has no code of its own here.
        public static let serverError = Self("serverError")
        /// The server's answer cannot be understood.
        public static let badAnswer = Self("badAnswer")
        /// A message's compressed body cannot be inflated here.
        public static let unreadableBody = Self("unreadableBody")
        /// The producer or consumer was closed.
        public static let closed = Self("closed")
        /// The calling task was cancelled.
        public static let cancelled = Self("cancelled")
    }

    /// The kind of failure.
    public var code: Code
    /// What failed, where, and the numbers that matter.
    public var message: String
    /// The error beneath, if there was one.
    public var cause: (any Error)?
    /// The wire's response code, if a server answered.
    public var responseCode: Int?
    /// Of a failed send: whether consumers may nevertheless see the message. False is a promise.
    public var mayHaveBeenStored: Bool

    /// For what a program reports in the client's own terms, such as a store of its own.
    public init(
        _ code: Code, _ message: String, cause: (any Error)? = nil, responseCode: Int? = nil,
        mayHaveBeenStored: Bool = false
    ) {
        self.code = code
        self.message = message
        self.cause = cause
        self.responseCode = responseCode
        self.mayHaveBeenStored = mayHaveBeenStored
    }
}

extension ApusClientError: CustomStringConvertible {
    public var description: String {
        let code = self.responseCode.map { "\(self.code), response code \($0)" }
        return "\(self.message) (\(code ?? self.code.description))"
    }
}
